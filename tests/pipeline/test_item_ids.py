"""Ids without Python objects: every id leads to its row, whatever its hash."""

import pyarrow as pa

from pipeline.item_ids import BATCH, UNKNOWN, ItemIds, Texts

WORDS = ["a", "b", "ab", "", "é", "🎬", "cd", "abc"]


def test_every_id_leads_to_its_row_and_no_other_does() -> None:
    ids = ItemIds.of(WORDS)
    assert ids.rows(WORDS).tolist() == list(range(len(WORDS)))
    assert ids.rows(["abc", "nobody", "a", "abc"]).tolist() == [7, UNKNOWN, 0, 7]
    assert ids.row("cd") == 6
    assert ids.row("dc") is None
    assert "é" in ids
    assert ids.rows([]).tolist() == []
    assert ItemIds.of([]).rows(["a"]).tolist() == [UNKNOWN]


def test_ids_of_the_same_hash_are_told_apart() -> None:
    for hash_of in (len, lambda _: 7, lambda _: 2**32 - 1):
        ids = ItemIds.hashed(pa.array(WORDS, pa.large_string()), hash_of)
        assert ids.rows(WORDS[::-1]).tolist() == list(range(len(WORDS)))[::-1]
        assert ids.rows(["xy", "zz", "abcd", "ab"]).tolist() == [UNKNOWN, UNKNOWN, UNKNOWN, 2]


def test_it_reads_as_a_sequence_across_batches() -> None:
    many = [f"item{n}" for n in range(BATCH + 3)]
    ids = ItemIds.of(many)
    assert (len(ids), ids[BATCH], ids[-1], ids[BATCH:]) == (len(many), f"item{BATCH}", many[-1], many[BATCH:])
    assert list(ids) == many
    assert ids.rows(many).tolist() == list(range(len(many)))


def test_added_ids_come_after_and_leave_the_old_table_as_it_was() -> None:
    before = ItemIds.of(["x", "y"])
    after = before.with_added(["p"]).with_added(["q", "r"])
    assert list(after) == ["x", "y", "p", "q", "r"]
    assert after.rows(["r", "x", "q", "no", "p"]).tolist() == [4, 0, 3, UNKNOWN, 2]
    assert (len(before), "p" in before) == (2, False)


def test_texts_are_replaced_and_added_beside_what_stays() -> None:
    before = Texts.of(["one", None, "three"])
    after = before.replaced([2, 0], ["3", None]).with_added(["four"])
    assert list(after) == [None, None, "3", "four"]
    assert list(before) == ["one", None, "three"]
    assert after[1:3] == [None, "3"]
