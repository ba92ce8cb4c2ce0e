"""What models are trained on: users' actions in order, and the items they were done with."""
