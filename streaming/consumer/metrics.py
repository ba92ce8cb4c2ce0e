"""What the consumer tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

AGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)


class ConsumerMetrics:
    """Figures of one consumer process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prefix = "headwater_consumer_"
        self.events = Counter(prefix + "events_total", "Events applied", registry=self.registry)
        self.repeated = Counter(
            prefix + "repeated_events_total", "Events that were there already", registry=self.registry
        )
        self.users = Counter(prefix + "user_writes_total", "User rows written or confirmed", registry=self.registry)
        self.vectors = Counter(prefix + "vector_writes_total", "User vectors written", registry=self.registry)
        self.vector_failures = Counter(
            prefix + "vector_failures_total",
            "User vectors not computed or not written",
            registry=self.registry,
        )
        self.vectors_behind = Gauge(
            prefix + "vectors_behind", "Users whose vectors are behind their state", registry=self.registry
        )
        self.dead_letters = Counter(prefix + "dead_letters_total", "Messages set aside", registry=self.registry)
        self.rebalances = Counter(prefix + "rebalances_total", "Partitions assigned anew", registry=self.registry)
        self.rewinds = Counter(
            prefix + "rewinds_total", "Partitions started again where Redis stands", registry=self.registry
        )
        self.outages = Counter(
            prefix + "outages_total", "Batches given up because a server failed", ["dependency"], registry=self.registry
        )
        self.lag = Gauge(prefix + "lag", "Messages not applied yet", ["partition"], registry=self.registry)
        self.age = Histogram(
            prefix + "event_age_seconds",
            "From the receipt of an event to its write",
            buckets=AGE_BUCKETS,
            registry=self.registry,
        )
        self.batch_seconds = Histogram(prefix + "batch_seconds", "Time of one batch", registry=self.registry)
