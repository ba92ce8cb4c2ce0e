"""The one reader of the environment. Imported only where a program starts; below that, values are arguments.

Every field is set by ``HEADWATER_<FIELD>``. A port left at 0 is ``port_base`` plus its offset; an address left empty
is that of the embedded server.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.clock import Clock, parse_clock
from contracts.topics import EVENTS

SECRETS = Path("/run/secrets")
"""Where containers mount secrets: a file named like the variable is read as its value."""

PORT_OFFSETS = {
    "gateway_port": 0,
    "gateway_metrics_port": 1,
    "airflow_port": 2,
    "mlflow_port": 3,
    "redis_port": 4,
    "postgres_port": 5,
    "kafka_port": 6,
    "kafka_controller_port": 7,
    "model_server_port": 8,
    "consumer_port": 9,
    "storefront_port": 10,
    "console_port": 11,
    "flink_port": 12,
}


class Settings(BaseSettings):
    """All settings of all programs."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_", frozen=True, extra="ignore", secrets_dir=SECRETS if SECRETS.is_dir() else None
    )

    home: Path = Field(Path(".headwater"), description="state of the embedded stack, releases, runs and the local lake")
    port_base: int = Field(17400, ge=1024, le=65000, description="first port of the embedded stack")
    bind: str = Field("127.0.0.1", description="address that every embedded server listens on")
    clock: str = Field("real", description="real, shift:<seconds> or file:<path>")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least severe line that our servers log"
    )

    gateway_port: int = Field(0, description="the HTTP interface")
    gateway_metrics_port: int = Field(0, description="the gateway's health and metrics")
    airflow_port: int = Field(0, description="Airflow's API server and pages")
    mlflow_port: int = Field(0, description="MLflow")
    redis_port: int = Field(0, description="Redis")
    postgres_port: int = Field(0, description="PostgreSQL")
    kafka_port: int = Field(0, description="Kafka's broker")
    kafka_controller_port: int = Field(0, description="Kafka's controller")
    model_server_port: int = Field(0, description="the model server, gRPC")
    consumer_port: int = Field(0, description="the consumer's health and metrics")
    storefront_port: int = Field(0, description="the storefront")
    console_port: int = Field(0, description="the operator's console")
    flink_port: int = Field(0, description="Flink's own pages, where it is the stream's engine")

    lake: str = Field("", description="lake root: a folder or s3://bucket/prefix; default <home>/lake")
    s3_endpoint: str = Field("", description="endpoint of an S3 server other than AWS")
    s3_region: str = Field("us-east-1", description="region of the lake's bucket")
    releases: Path = Field(Path(), description="release directories; default <home>/releases")
    redis_url: str = Field("", description="redis://host:port/0")
    database_url: str = Field("", description="PostgreSQL of releases and experiments, SQLAlchemy form")
    mlflow_url: str = Field("", description="MLflow tracking server")
    airflow_url: str = Field("", description="Airflow's API server")
    kafka_bootstrap: str = Field("", description="host:port[,host:port]")
    model_server: str = Field("", description="host:port of a server of TensorFlow Serving's gRPC protocol")
    gateway_url: str = Field("", description="the gateway as the pages' servers reach it")
    gateway_metrics_url: str = Field("", description="the gateway's health and metrics; http://host:port")
    consumer_url: str = Field("", description="the consumer's health and metrics; http://host:port")
    flink_url: str = Field("", description="Flink's own pages and interface; http://host:port")
    topic_prefix: str = Field(
        "headwater.", description="put before every topic's name, so that installations can share a broker"
    )
    stream_engine: Literal["kafka", "flink"] = Field(
        "kafka", description="what folds events into the online state: the consumer itself or a Flink job"
    )
    flink_parallelism: int = Field(
        2, ge=1, le=EVENTS.partitions, description="Python processes of the Flink job; a partition feeds one of them"
    )
    spark_master: str = Field("local[2]", description="where Spark runs, in its own notation")
    spark_memory: str = Field("3g", description="heap of Spark's driver, in its own notation")
    feast_offline: Literal["duckdb", "spark"] = Field("duckdb", description="what joins features to labels")

    issuer: str = Field("", description="OIDC issuer; default the embedded one, served by the gateway")
    audience: str = Field("headwater", description="the audience that a token must be made for")
    token_url: str = Field("", description="OAuth token endpoint; default the embedded issuer's")
    storefront_client_id: str = Field("storefront", description="the client that the storefront is to the issuer")
    storefront_client_secret: str = Field(
        "", description="default one that the embedded issuer makes; one set here the gateway needs too"
    )
    clock_skew_seconds: int = Field(30, ge=0, le=300, description="tolerated between us and the issuer")
    rate_user_per_second: int = Field(20, ge=1, description="requests of one user; twice as many may come at once")
    rate_client_per_second: int = Field(500, ge=1, description="requests of one client; twice as many may come at once")
    gateway_workers: int = Field(2, ge=1, le=64, description="processes that answer on the gateway's port")
    event_future_seconds: int = Field(60, ge=0, description="an event further in the future than this is refused")
    user_stale_seconds: int = Field(7 * 86400, ge=1, description="a user row older than this is stale")
    release_poll_seconds: float = Field(
        1.0, gt=0, description="how often the gateway and consumer look at the pointers"
    )
    request_deadline_ms: int = Field(150, ge=10, description="time for the whole chain before fallbacks answer")
    release_grace_days: float = Field(2.0, ge=0, description="how long the vectors of a superseded release stay online")
    train_seconds: int = Field(60, ge=1, description="training budget of the daily two-tower")
    train_min_rows: int = Field(1000, ge=1, description="fewer interactions than this stop the daily run")
    train_days: int = Field(1825, ge=1, description="days before the end of the interval that the daily run reads")
    train_seed: int = Field(7, ge=0, description="seed of the daily run")
    train_label_rows: int = Field(500_000, ge=1, description="newest labels that the point-in-time training set holds")
    train_holdout_share: float = Field(0.05, gt=0, lt=0.5, description="newest interactions, kept from training")
    train_max_user_share: float = Field(0.2, gt=0, le=1, description="a user with more of all rows stops the run")
    spark_shuffle_partitions: int = Field(4, ge=1, description="about twice the cores on one machine, hundreds on many")
    gate_metric: str = Field("ndcg@10", description="the metric that the gate compares releases by")
    gate_margin: float = Field(0.02, ge=0, description="non-inferiority margin, as a share of the champion's metric")
    gate_strict: bool = Field(
        False, description="ship only when the lower bound of candidate minus champion is above zero"
    )
    explore_share: float = Field(
        0.0, ge=0, le=1, description="share of requests whose last slot is drawn at random, for off-policy estimates"
    )
    challenger_experiment: bool = Field(
        False, description="a release that passes the gate as challenger opens its own experiment"
    )
    drift_retrain: bool = Field(False, description="a breach found by monitor_drift triggers train_daily")
    alert_webhook: str = Field(
        "", description="address that takes alerts as Alertmanager's webhook sends them; empty: none are sent"
    )

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, values: dict[str, object]) -> dict[str, object]:
        base = int(str(values.get("port_base", 17400)))
        for name, offset in PORT_OFFSETS.items():
            if not values.get(name):
                values[name] = base + offset
        return values

    @model_validator(mode="after")
    def _fill_addresses(self) -> Self:
        host = "127.0.0.1" if self.bind == "0.0.0.0" else self.bind
        home = self.home.resolve()
        derived: dict[str, object] = {
            "home": home,
            "lake": self.lake or str(home / "lake"),
            "releases": self.releases.resolve() if self.releases != Path() else home / "releases",
            "redis_url": self.redis_url or f"redis://{host}:{self.redis_port}/0",
            "database_url": self.database_url
            or f"postgresql+psycopg2://headwater@{host}:{self.postgres_port}/headwater",
            "airflow_url": self.airflow_url or f"http://{host}:{self.airflow_port}",
            "mlflow_url": self.mlflow_url or f"http://{host}:{self.mlflow_port}",
            "kafka_bootstrap": self.kafka_bootstrap or f"{host}:{self.kafka_port}",
            "model_server": self.model_server or f"{host}:{self.model_server_port}",
            "gateway_url": self.gateway_url or f"http://{host}:{self.gateway_port}",
            "gateway_metrics_url": self.gateway_metrics_url or f"http://{host}:{self.gateway_metrics_port}",
            "consumer_url": self.consumer_url or f"http://{host}:{self.consumer_port}",
            "flink_url": self.flink_url or f"http://{host}:{self.flink_port}",
            "issuer": self.issuer or f"http://{host}:{self.gateway_port}",
            "token_url": self.token_url or f"http://{host}:{self.gateway_port}/oauth/token",
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        parse_clock(self.clock)
        return self

    @property
    def embedded_issuer(self) -> bool:
        """Whether tokens are those that the gateway itself issues."""
        host = "127.0.0.1" if self.bind == "0.0.0.0" else self.bind
        return self.issuer == f"http://{host}:{self.gateway_port}"

    def now(self) -> Clock:
        """The clock that this setting names; call the result for epoch seconds."""
        return parse_clock(self.clock)
