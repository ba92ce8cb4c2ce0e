"""The consumer's work on Apache Flink, for those who outgrow consumer processes; HEADWATER_STREAM_ENGINE chooses.

``engine`` and ``vectors`` run in the base environment, ``job`` and ``fold`` in Flink's own (``stack.flink`` makes it).
"""
