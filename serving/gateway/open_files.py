"""How many files and connections a process may hold open."""

import resource


def raise_limit() -> int:
    """Raises what is in force to what is allowed, for this process and those it starts, and returns it: shells and
    service managers give 1,024, which as many slow clients would use up."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    return allowed
