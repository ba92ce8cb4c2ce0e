"""When a member without a partition joins its group anew."""

from streaming.empty_handed import FIRST_SECONDS, MOST_SECONDS, EmptyHanded


def test_who_has_nothing_joins_anew_ever_less_often() -> None:
    one = EmptyHanded()
    joined = [now for now in range(3_000) if one.should_join(assigned=False, now=float(now))]
    gaps = [later - earlier for earlier, later in zip([0, *joined], joined, strict=False)]
    assert gaps[0] == FIRST_SECONDS + 1
    assert gaps == sorted(gaps)
    assert gaps[-1] == MOST_SECONDS + 1


def test_who_has_a_partition_starts_anew_with_the_first_patience() -> None:
    one = EmptyHanded()
    assert not one.should_join(assigned=False, now=0.0)
    assert one.should_join(assigned=False, now=FIRST_SECONDS + 1)
    assert not one.should_join(assigned=True, now=FIRST_SECONDS + 2)
    assert not one.should_join(assigned=False, now=1000.0)
    assert one.patience == FIRST_SECONDS
    assert one.should_join(assigned=False, now=1000.0 + FIRST_SECONDS + 1)
