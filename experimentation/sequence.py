"""Always-valid inference: one may look at any time, as often as one likes, and stop when one wishes.

Asymptotic confidence sequences (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 2024, Theorem 2.2; the boundary is Robbins' normal mixture, as in
Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 2021). After ``n`` observations with standard error ``s``:

    estimate ± s · sqrt( 2 (n ρ² + 1) / (n ρ²) · log( sqrt(n ρ² + 1) / α ) )

The boundary is tightest near ``n*`` with ρ² = (−2 log α + log(1 − 2 log α)) / n* (their equation for the optimal ρ).
ρ must not depend on outcomes. Observations must be new each time: here an observation is a user whose window has
closed, entered once; a user who returns tomorrow does not change what was entered.
"""

import math


def tuning(expected: float, alpha: float) -> float:
    """ρ² for which the sequence is tightest after ``expected`` observations."""
    return (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / max(expected, 1.0)


def half_width(standard_error: float, observations: float, rho_squared: float, alpha: float) -> float:
    """Half the width of the two-sided interval; infinite before the first observation."""
    scaled = observations * rho_squared
    if scaled <= 0:
        return math.inf
    return standard_error * math.sqrt(2 * (scaled + 1) / scaled * math.log(math.sqrt(scaled + 1) / alpha))


def p_value(estimate: float, standard_error: float, observations: float, rho_squared: float) -> float:
    """The always-valid p-value: the smallest α whose interval leaves out zero, at most 1."""
    scaled = observations * rho_squared
    if scaled <= 0 or standard_error <= 0:
        return 1.0 if estimate == 0 or standard_error > 0 or scaled <= 0 else 0.0
    z = estimate / standard_error
    exponent = 0.5 * math.log(scaled + 1) - 0.5 * z * z * scaled / (scaled + 1)
    return min(1.0, math.exp(min(exponent, 0.0)))
