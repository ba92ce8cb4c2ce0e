from pyspark.sql import SparkSession

from contracts.impressions import Impression
from tests.training.etl.rows import at, frame, impression, interaction
from training.etl.labels import label_impressions


def test_a_click_belongs_to_one_impression(spark: SparkSession) -> None:
    shown = [
        impression("r1", "u", "clicked twice shown", at(0, 1)),
        impression("r2", "u", "clicked twice shown", at(0, 2)),
        impression("r3", "u", "named", at(0, 1)),
        impression("r4", "u", "named", at(0, 2)),
        impression("r5", "u", "viewed", at(0, 1)),
        impression("r6", "u", "too late", at(0, 1)),
        impression("r7", "u", "too early", at(0, 1)),
        impression("r8", "other", "named", at(0, 1)),
        impression("r9", "u", "bought", at(0, 1)),
        impression("r9", "u", "bought", at(0, 1)),
    ]
    acted = [
        interaction("u", "clicked twice shown", at(0, 3)),
        interaction("u", "named", at(0, 3), request_id="r3"),
        interaction("u", "viewed", at(0, 1.1), action="view"),
        interaction("u", "too late", at(1, 1.1)),
        interaction("u", "too early", at(0, 0.9)),
        interaction("u", "bought", at(0, 1.2)),
        interaction("u", "bought", at(0, 1.3), action="purchase"),
    ]
    rows = label_impressions(frame(spark, shown, Impression), frame(spark, acted)).collect()
    assert len(rows) == 9
    assert {row.request_id for row in rows if row.label == 1} == {"r2", "r3", "r9"}


def test_no_impressions_give_no_labels(spark: SparkSession) -> None:
    assert label_impressions(frame(spark, [], Impression), frame(spark, [interaction("u", "i", at(0))])).count() == 0
