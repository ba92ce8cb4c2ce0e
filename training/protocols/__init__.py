"""How a data set is split into what trains and what is asked: leave-last-out, a given split, cold start."""
