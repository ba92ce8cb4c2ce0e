"""What can be proven of docker-compose.yaml without an engine: it agrees with the code and with itself."""

import importlib.util
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from contracts.release import SERVING_MODELS
from contracts.settings import Settings
from serving.auth.clients import Clients
from serving.gateway.__main__ import register_storefront
from serving.model_server.config import read_config
from stack.composition import compose
from storefront.credentials import SCOPES

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
ONE_SHOT = {"airflow-migrate", "bucket", "migrate"}
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("headwater:")]
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())


@pytest.mark.parametrize("name", SERVICES)
def test_every_headwater_variable_is_a_setting(name: str) -> None:
    known = {f"HEADWATER_{field.upper()}" for field in Settings.model_fields}
    environment = SERVICES[name].get("environment") or {}
    assert {key for key in environment if key.startswith("HEADWATER_")} <= known


def test_headwater_secrets_are_settings_by_name() -> None:
    known = {f"HEADWATER_{field.upper()}" for field in Settings.model_fields}
    assert {name for name in COMPOSE["secrets"] if name.isupper()} <= known


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_limited_restarted_and_checked(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":[^:]*\d", service["image"]), "the image names a version"
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert service["restart"] in {"unless-stopped", "on-failure"}
    assert name in ONE_SHOT or service.get("healthcheck")


def test_the_bucket_of_the_lake_is_made_before_whoever_writes_or_shows_it() -> None:
    lake = SERVICES["gateway"]["environment"]["HEADWATER_LAKE"]
    bucket = lake.removeprefix("s3://").removesuffix("/lake")
    (command,) = SERVICES["bucket"]["command"]
    assert f'mc mb --ignore-existing "lake/{bucket}"' in command
    assert SERVICES["gateway"]["environment"]["HEADWATER_S3_ENDPOINT"] in command
    assert SERVICES["bucket"]["image"] == SERVICES["s3"]["image"]
    for name in ("airflow-worker", "console"):
        assert SERVICES[name]["depends_on"]["bucket"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_references_lead_somewhere(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("depends_on", {})) <= SERVICES.keys()
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    for volume in service.get("volumes", []):
        source, separator, _ = volume.partition(":")
        assert not separator or source in COMPOSE["volumes"] or (ROOT / source).exists()


def test_secrets_stay_out_of_the_environment() -> None:
    for service in SERVICES.values():
        for key, value in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN(?!_URL)", key):
                assert "/run/secrets/" in str(value) or key.endswith("_FILE"), key


def settings_of(name: str, **given: str) -> Settings:
    """The settings that the programs of a service read: its environment where Compose is ``given`` variables, and a
    database from a secret."""
    values: dict[str, Any] = {
        key.removeprefix("HEADWATER_").lower(): re.sub(
            r"\$\{(\w+):-([^}]*)\}", lambda found: given.get(found[1]) or found[2], value
        )
        for key, value in SERVICES[name]["environment"].items()
        if key.startswith("HEADWATER_")
    }
    return Settings(**values, database_url="postgresql+psycopg2://headwater:p@postgres:5432/headwater")


def test_it_is_a_compose_file() -> None:
    """No package ships the Compose specification's schema; ``compose.schema.yaml`` is the part of it that is used."""
    schema = yaml.safe_load((Path(__file__).parent / "compose.schema.yaml").read_text())
    faults = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
              for e in jsonschema.Draft202012Validator(schema).iter_errors(COMPOSE)]  # fmt: skip
    assert faults == []


@pytest.mark.parametrize("name", OURS)
def test_no_program_looks_for_another_on_its_own_machine(name: str) -> None:
    """The reverse of the check on names: a setting whose default is an embedded server's address is set."""
    there = settings_of(name)
    local = {
        field for field in Settings.model_fields if re.search(r"127\.0\.0\.1|localhost", str(getattr(there, field)))
    }
    assert local <= {"issuer", "flink_url"}, "the issuer's address is only its name, a Flink job the consumer's child"


def test_our_programs_are_started_as_in_the_embedded_stack(tmp_path: Path) -> None:
    embedded = {server.command[1:] for wave in compose(Settings(home=tmp_path)) for server in wave}
    for name in set(OURS) - ONE_SHOT:
        command = SERVICES[name]["command"]
        if command[0] == "python":
            assert tuple(command[1:]) in embedded, name


def test_airflows_commands_are_known_to_this_airflow(tmp_path: Path) -> None:
    written = [SERVICES[name]["command"] for name in OURS if name.startswith("airflow-")]
    commands = [shlex.split(one[-1].partition("&&")[0])[1:] if one[0] == "sh" else one[1:] for one in written]
    code = (
        "import json, sys\nfrom airflow.cli.cli_parser import get_parser\n"
        "for command in json.loads(sys.argv[1]):\n    print(get_parser().parse_args(command).func)"
    )
    own = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(commands) == 6


@pytest.fixture
def airflow_secrets(tmp_path: Path) -> dict[str, str]:
    """The environment of Airflow's services where secrets are files of one line in ``tmp_path``."""
    environment = SERVICES["airflow-worker"]["environment"]
    for secret in SERVICES["airflow-worker"]["secrets"]:
        (tmp_path / secret).write_text(f"of {secret}\n")
    commands = {key: value.replace("$$", "$").replace("/run/secrets", str(tmp_path))
                for key, value in environment.items() if key.endswith("_CMD")}  # fmt: skip
    return {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "_AIRFLOW__AS_LIBRARY": "1",
        **commands,
    }


def test_airflows_services_share_their_secrets_to_the_letter(airflow_secrets: dict[str, str]) -> None:
    code = (
        "import json\nfrom airflow.configuration import conf\n"
        "print(json.dumps([conf.get(*one) for one in (('core', 'fernet_key'), ('api', 'secret_key'), "
        "('api_auth', 'jwt_secret'), ('database', 'sql_alchemy_conn'), ('celery', 'result_backend'))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | airflow_secrets, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = ("fernet_key", "api_secret", "jwt", "database_url")
    assert json.loads(done.stdout) == [*(f"of airflow_{name}" for name in names), "of celery_result_backend"]


def test_airflows_login_comes_from_a_secret() -> None:
    environment = SERVICES["airflow-api-server"]["environment"]
    file = environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
    assert Path(file).is_relative_to(environment["HEADWATER_HOME"])
    migrate = SERVICES["airflow-migrate"]
    assert "airflow_passwords" in migrate["secrets"]
    copied = shlex.split(migrate["command"][-1].partition("&& ")[2].replace("$$", "$"))
    assert copied[-2:] == ["/run/secrets/airflow_passwords", "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
    assert migrate["environment"] == environment


def test_a_workers_health_is_asked_of_airflows_own_workers() -> None:
    asked = shlex.split(SERVICES["airflow-worker"]["healthcheck"]["test"][1])
    module, _, application = asked[asked.index("--app") + 1].rpartition(".")
    airflow = importlib.util.find_spec("airflow")
    assert airflow is not None
    assert airflow.origin is not None
    source = Path(airflow.origin).parents[1].joinpath(*module.split(".")).with_suffix(".py")
    assert f"\n{application} = " in source.read_text()
    assert asked[-1] == "celery@$$HOSTNAME", "a worker's name, Celery's default"


def test_the_image_gets_a_celery_that_airflows_executor_can_import() -> None:
    """Its module imports ``retry`` of ``celery.backends.database``, which 5.7 has no more."""
    locked = re.search(r"^celery==(\d+)\.(\d+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked is not None
    assert (int(locked[1]), int(locked[2])) < (5, 7)


def done_before(name: str) -> set[str]:
    """The one-shot services that have ended well before this one starts, also by way of others."""
    before = {one for one, on in SERVICES[name].get("depends_on", {}).items()
              if on["condition"] == "service_completed_successfully"}  # fmt: skip
    return before | {earlier for one in before for earlier in done_before(one)}


def test_whoever_opens_our_database_waits_for_its_schema() -> None:
    users = {name for name in OURS if "HEADWATER_DATABASE_URL" in SERVICES[name]["secrets"]} - {"migrate"}
    assert {"gateway", "consumer", "console", "airflow-worker"} <= users
    assert {name for name in users if "migrate" not in done_before(name)} == set()
    assert SERVICES["migrate"]["command"] == ["python", "-m", "database.migrate"]


def test_the_storefront_gets_a_token_from_the_gateways_or_from_an_issuer_of_ones_own(tmp_path: Path) -> None:
    secret = "HEADWATER_STOREFRONT_CLIENT_SECRET"
    assert all(secret in SERVICES[name]["secrets"] for name in ("gateway", "storefront"))
    there = settings_of("gateway").model_copy(update={"home": tmp_path, "storefront_client_secret": "given"})
    register_storefront(there)
    storefront = settings_of("storefront")
    asking = storefront.storefront_client_id, "given"
    client = Clients(tmp_path / "issuer" / "clients.json").authenticate(*asking)
    assert client is not None
    assert set(SCOPES.split()) <= set(client.scopes)
    assert storefront.token_url == f"{there.gateway_url}/oauth/token"
    outside = {"HEADWATER_ISSUER": "https://login.example", "HEADWATER_TOKEN_URL": "https://login.example/token"}
    for name in ("gateway", "storefront", "console"):
        elsewhere = settings_of(name, **outside)
        assert (elsewhere.issuer, elsewhere.token_url) == tuple(outside.values())
        assert not elsewhere.embedded_issuer


def test_ports_and_health_paths_are_those_of_the_code() -> None:
    listens = {"gateway": "gateway_metrics_port", "consumer": "consumer_port", "storefront": "storefront_port",
               "console": "console_port"}  # fmt: skip
    for name, field in listens.items():
        port = getattr(settings_of(name), field)
        assert f"http://localhost:{port}/healthz" in str(SERVICES[name]["healthcheck"])
        for published in SERVICES[name].get("ports", []):
            assert published.endswith(f":{port}")
    published = [port.rsplit(":", 1)[0] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == len(set(published))
    assert all(address.startswith("127.0.0.1:") for address in published)


def test_addresses_between_services_use_ports_they_listen_on() -> None:
    there = settings_of("gateway")
    proxied = (ROOT / "deploy" / "nginx" / "gateway.conf").read_text()
    assert f"server gateway:{there.gateway_port} " in proxied
    assert SERVICES["balancer"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "listen 8080;" in proxied
    assert there.gateway_metrics_url == f"http://gateway:{there.gateway_metrics_port}"
    assert there.consumer_url == f"http://consumer:{there.consumer_port}"
    for address in (there.gateway_url, there.token_url):
        assert address.startswith("http://balancer:8080")
    scraped = {job["job_name"]: job["dns_sd_configs"][0] for job in PROMETHEUS["scrape_configs"]}
    assert (scraped["gateway"]["names"], scraped["gateway"]["port"]) == (["gateway"], there.gateway_metrics_port)
    assert (scraped["consumer"]["names"], scraped["consumer"]["port"]) == (["consumer"], there.consumer_port)
    assert all(name in SERVICES for job in scraped.values() for name in job["names"])
    assert PROMETHEUS["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]


def test_the_balancer_passes_the_public_routes_and_no_other() -> None:
    proxied = (ROOT / "deploy" / "nginx" / "gateway.conf").read_text()
    blocks = re.findall(r"location (=|~|) ?(\S+) \{\n(.*?)\n    \}", proxied, re.DOTALL)
    assert {path: body.strip() for kind, path, body in blocks if not kind} == {"/": "return 404;"}
    ((pattern, body),) = [(path, body.strip()) for kind, path, body in blocks if kind == "~"]
    assert body == "proxy_pass http://gateways;"
    routes = json.loads((ROOT / "client" / "openapi.json").read_text())["paths"]
    passed = {route for route in [*routes, "/docs", "/openapi.json"] if re.search(pattern, route)}
    assert {"/v1/recommendations", "/oauth/token", "/.well-known/jwks.json"} <= passed
    assert set(routes) - passed == {"/healthz", "/readyz", "/metrics"}
    assert not passed & {"/docs", "/openapi.json"}
    ((checked, body),) = [(path, body) for kind, path, body in blocks if kind == "="]
    assert SERVICES["balancer"]["healthcheck"]["test"][-1].endswith(checked)
    assert "allow 127.0.0.1;" in body
    assert "deny all;" in body


def test_every_replica_of_the_gateway_has_a_folder_of_its_own() -> None:
    assert SERVICES["gateway"]["deploy"]["replicas"] > 1
    folder = f"{settings_of('gateway').home}/gateway"
    assert folder in SERVICES["gateway"]["volumes"]
    waiting = f"impressions:{folder}/impressions"
    assert all(waiting in SERVICES[name]["volumes"] for name in ("gateway", "airflow-worker")), (
        "an erasure reaches them"
    )
    assert f"{folder}/impressions" in (ROOT / "deploy" / "Dockerfile").read_text(), "made with its owner"


def test_the_model_server_serves_the_models_that_releases_place() -> None:
    models = read_config(ROOT / "deploy" / "tensorflow-serving" / "models.config")
    home = settings_of("gateway").home
    assert {(model.name, model.base_path) for model in models} == {
        (name, home / "models" / name) for name in SERVING_MODELS
    }
    assert all(model.latest is None for model in models)
    monitored = (ROOT / "deploy" / "tensorflow-serving" / "monitoring.config").read_text()
    assert next(j for j in PROMETHEUS["scrape_configs"] if j["job_name"] == "model-server")["metrics_path"] in monitored


def test_a_model_server_without_a_model_is_healthy_and_one_with_a_model_listens(tmp_path: Path) -> None:
    shell, *rest, script = SERVICES["tensorflow-serving"]["healthcheck"]["test"][1:]
    home = str(settings_of("gateway").home)
    assert f"{home}/models/" in script
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        script = script.replace(home, str(tmp_path)).replace("/8500", f"/{port}")

        def healthy() -> bool:
            done = subprocess.run([shell, *rest, script], stderr=subprocess.DEVNULL, check=False)
            return done.returncode == 0

        assert healthy(), "no folder"
        (tmp_path / "models" / "ranker").mkdir(parents=True)
        (tmp_path / "models" / ".placing-1" / "variables").mkdir(parents=True)
        assert healthy(), "a model without a version, and one that is being placed"
        (tmp_path / "models" / "ranker" / "17").mkdir()
        assert not healthy()
        listening.listen()
        assert healthy()


def test_redis_refuses_writes_before_its_container_is_killed_for_memory() -> None:
    command = SERVICES["redis"]["command"]
    option = dict(zip(command[1::2], command[2::2], strict=True))
    limit = SERVICES["redis"]["deploy"]["resources"]["limits"]["memory"]
    assert option["--maxmemory-policy"] == "noeviction"
    assert int(option["--maxmemory"].removesuffix("gb")) <= 0.75 * int(limit.removesuffix("g"))


def test_alerts_go_to_the_webhook_of_a_secret() -> None:
    alertmanager = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
    (receiver,) = alertmanager["receivers"]
    secret = receiver["webhook_configs"][0]["url_file"].removeprefix("/run/secrets/")
    assert receiver["name"] == alertmanager["route"]["receiver"]
    assert secret in SERVICES["alertmanager"]["secrets"]


def test_secrets_reach_neither_the_image_nor_the_repository() -> None:
    """The build context is the whole tree, and the image copies it."""
    unsent, untracked = ((ROOT / name).read_text().splitlines() for name in (".dockerignore", ".gitignore"))
    for secret in COMPOSE["secrets"].values():
        folder = Path(secret["file"]).parts[0]
        assert folder in unsent
        assert f"/{folder}/" in untracked


def test_secrets_are_documented() -> None:
    written = (ROOT / "docs" / "production.md").read_text()
    for secret in COMPOSE["secrets"].values():
        assert f"`{Path(secret['file']).name}`" in written
