"""The manifests: overlays apply, objects are valid, and every variable, port, path and flag in them is the program's.

No cluster has seen them. Where kubectl is installed, what it makes of an overlay is compared with what the tests make of it.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
import yaml
from tests.conftest import ROOT
from tests.deploy.kustomize import Object, applied, identity
from tests.deploy.program import unknown
from tests.programs import needs

from rgbir.index.bench.city import City, figures_of
from rgbir.server import Settings
from rgbir.server.http.routes import ROUTERS

FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = ["cpu", "gpu", "replicas"]
VERSIONS = ["1.31", "1.34"]
"""Of Kubernetes, whose schemas the objects are held to."""
ROUTES = {route.path for router in ROUTERS for route in router.routes}
PORT = next(field.default for field in fields(Settings) if field.name == "port")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
WRITABLE = ("/data", "/tmp")


@pytest.fixture(scope="module", params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return applied(FOLDER / "overlays" / request.param)


def of_kind(objects: list[Object], kind: str) -> Object:
    (only,) = (each for each in objects if each["kind"] == kind)
    return only


def faults(objects: list[Object]) -> Iterator[str]:
    """What isn't the program's, and what a pod shouldn't have, in words."""
    pod = of_kind(objects, "StatefulSet")["spec"]["template"]
    spec, (container,) = pod["spec"], pod["spec"]["containers"]
    environment = {each["name"]: each.get("value", "from a secret") for each in container["env"]}
    yield from unknown(environment, container["args"])

    (port,) = container["ports"]
    if port["containerPort"] != PORT or f"EXPOSE {PORT}\n" not in DOCKERFILE:
        yield f"the program listens on {PORT}, not on {port['containerPort']}"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        if asked["path"] not in ROUTES or not asked["path"].startswith("/health/"):
            yield f"{probe}: no route {asked['path']} that is open to it"
        if asked["port"] != port["name"]:
            yield f"{probe}: no port {asked['port']}"
    (serving,) = of_kind(objects, "Service")["spec"]["ports"]
    if serving["targetPort"] != port["name"]:
        yield f"the service leads to no port {serving['targetPort']}"
    policy = of_kind(objects, "NetworkPolicy")["spec"]
    if [each["port"] for rule in policy["ingress"] for each in rule["ports"]] != [PORT]:
        yield "the network policy opens another port"
    for name in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
        told = of_kind(objects, name)["spec"]
        wanted = told.get("podSelector", told.get("selector", {}))
        if not wanted.get("matchLabels", wanted).items() <= pod["metadata"]["labels"].items():
            yield f"{name} means other pods"

    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    there = {each["name"] for each in spec["volumes"]}
    there |= {each["metadata"]["name"] for each in of_kind(objects, "StatefulSet")["spec"]["volumeClaimTemplates"]}
    if there != {each["name"] for each in mounts.values()}:
        yield "volumes and mounts differ"
    for name, value in environment.items():
        if value.startswith("/") and not any(f"{value}/".startswith(f"{mount}/") for mount in mounts):
            yield f"{name}: nothing is mounted at {value}"
    for mount in mounts.values():
        if mount.get("readOnly", False) == (mount["mountPath"] in WRITABLE):
            yield f"{mount['mountPath']} is to be {'writable' if mount['mountPath'] in WRITABLE else 'read-only'}"

    user = int(re.findall(r"^USER (\d+):", DOCKERFILE, re.MULTILINE)[0])
    safe = {"runAsNonRoot": True, "runAsUser": user, "fsGroup": user, "seccompProfile": {"type": "RuntimeDefault"}}
    if not safe.items() <= spec["securityContext"].items():
        yield f"the pod isn't {safe}"
    strict = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    if container["securityContext"] != strict:
        yield f"the container isn't {strict}"
    if "memory" not in container["resources"]["limits"] or "cpu" not in container["resources"]["requests"]:
        yield "no limit of memory, or no request of processors"
    if spec["automountServiceAccountToken"] or spec["enableServiceLinks"]:
        yield "the pod gets what it doesn't need"
    least = next(field.default for field in fields(Settings) if field.name == "ending_s")
    if spec["terminationGracePeriodSeconds"] <= least:
        yield f"requests have {least} s to end, and the pod less"
    several = of_kind(objects, "StatefulSet")["spec"]["replicas"] > 1
    if several and not environment["RGBIR_GALLERY"].startswith("milvus://"):
        yield "several servers would write one folder"


def test_every_variable_port_path_and_flag_exists_and_pods_have_what_they_need_alone(objects: list[Object]) -> None:
    assert list(faults(objects)) == []


def _set(*path: Any, to: Any) -> Callable[[Object], None]:
    def spoil(each: Object) -> None:
        place: Any = each["spec"]["template"]["spec"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return spoil


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (_set("containers", 0, "env", 4, "name", to="RGBIR_SERVE__JSON_LOG"), "did you mean 'RGBIR_SERVE__JSON_LOGS'"),
        (_set("containers", 0, "env", 4, "value", to="perhaps"), "RGBIR_SERVE__JSON_LOGS reaches no option"),
        (_set("containers", 0, "env", 0, "value", to="/elsewhere"), "nothing is mounted at /elsewhere"),
        (_set("containers", 0, "args", to=["serve", "--no-such-flag"]), "serve has no flag --no-such-flag"),
        (_set("containers", 0, "ports", 0, "containerPort", to=8080), "not on 8080"),
        (_set("containers", 0, "livenessProbe", "httpGet", "path", to="/healthz"), "no route /healthz"),
        (_set("containers", 0, "volumeMounts", 2, "readOnly", to=False), "/keys is to be read-only"),
        (_set("containers", 0, "securityContext", "readOnlyRootFilesystem", to=False), "the container isn't"),
        (_set("securityContext", "runAsNonRoot", to=False), "the pod isn't"),
        (_set("terminationGracePeriodSeconds", to=20), "the pod less"),
        (lambda each: each["spec"].update(replicas=2), "several servers would write one folder"),
    ],
)  # fmt: skip
def test_what_is_spoilt_is_noticed(spoil: Callable[[Object], None], word: str) -> None:
    objects = copy.deepcopy(applied(FOLDER / "overlays/cpu"))
    spoil(of_kind(objects, "StatefulSet"))
    assert word in "\n".join(faults(objects))


def test_overlays_say_what_they_are_for() -> None:
    made = {name: of_kind(applied(FOLDER / "overlays" / name), "StatefulSet")["spec"] for name in OVERLAYS}
    container = {name: spec["template"]["spec"]["containers"][0] for name, spec in made.items()}
    value = {name: {each["name"]: each.get("value") for each in it["env"]} for name, it in container.items()}
    assert {name: spec["replicas"] for name, spec in made.items()} == {"cpu": 1, "gpu": 1, "replicas": 3}
    assert {name: it["image"].rpartition(":")[2] for name, it in container.items()} == {
        "cpu": "cpu",
        "gpu": "gpu",
        "replicas": "cpu",
    }
    assert value["gpu"]["RGBIR_SERVE__DEVICE"] == "gpu"
    assert container["gpu"]["resources"]["limits"]["nvidia.com/gpu"] == 1
    targets = set(re.findall(r"^FROM runtime AS (\w+)", DOCKERFILE, re.MULTILINE))
    assert {it["image"].rpartition(":")[2] for it in container.values()} <= targets
    policy = of_kind(applied(FOLDER / "overlays/replicas"), "NetworkPolicy")["spec"]["egress"]
    assert str(policy[0]["ports"][0]["port"]) in value["replicas"]["RGBIR_GALLERY"]
    assert of_kind(applied(FOLDER / "overlays/cpu"), "NetworkPolicy")["spec"]["egress"] == []


def test_what_is_measured_is_asked_for_where_it_is() -> None:
    """The Prometheus operator's own schema isn't here; these are the fields that its documents name."""
    (monitor,) = applied(FOLDER / "monitoring")
    service = of_kind(applied(FOLDER / "base"), "Service")
    assert identity(monitor) == ("monitoring.coreos.com/v1", "ServiceMonitor", "rgbir")
    assert set(monitor["spec"]) == {"selector", "endpoints"}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert set(endpoint) == {"port", "path", "interval", "authorization"}
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["path"] in ROUTES


@pytest.mark.parametrize("folder", ["base", "milvus", "monitoring", *(f"overlays/{name}" for name in OVERLAYS)])
def test_kubectl_makes_the_same_of_an_overlay(folder: str) -> None:
    needs("kubectl", "its own merging of the overlays")
    done = subprocess.run(["kubectl", "kustomize", FOLDER / folder], capture_output=True, text=True, check=True)

    def ordered(each: Any) -> Any:
        if isinstance(each, dict):
            return {name: ordered(value) for name, value in each.items()}
        return (
            sorted((ordered(value) for value in each), key=lambda value: json.dumps(value, sort_keys=True))
            if isinstance(each, list)
            else each
        )

    theirs = {identity(each): ordered(each) for each in yaml.safe_load_all(done.stdout)}
    assert theirs == {identity(each): ordered(each) for each in applied(FOLDER / folder)}


@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_valid(objects: list[Object], version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate: pip install 'rgbir[dev]'")
    for each in objects:
        validate.validate(each, version, strict=True)
    spoilt = copy.deepcopy(of_kind(objects, "StatefulSet"))
    spoilt["spec"]["template"]["spec"]["containers"][0]["prots"] = []
    with pytest.raises(validate.ValidationError):
        validate.validate(spoilt, version, strict=True)


MILVUS = {
    "config": {"common", "queryNode", "queryCoord", "minio"},
    "components": {"proxy", "mixCoord", "streamingNode", "dataNode", "queryNode"},
    "dependencies": {"etcd", "storage", "msgStreamType", "pulsar"},
}
"""Fields of the Milvus operator's resource, as its documents and samples name them; its schema isn't here."""


def quantity(text: str) -> float:
    """GiB of a Kubernetes quantity."""
    assert text.endswith("Gi"), text
    return float(text.removesuffix("Gi"))


def test_the_milvus_cluster_is_as_large_as_the_arithmetic_says() -> None:
    cluster = of_kind(applied(FOLDER / "milvus"), "Milvus")
    spec, city, figures = cluster["spec"], City(), figures_of(City())
    nodes, dependencies = spec["components"]["queryNode"], spec["dependencies"]
    wanted, limits = nodes["resources"]["requests"], nodes["resources"]["limits"]
    assert nodes["replicas"] == figures["milvus_query_nodes"]
    assert spec["config"]["queryCoord"]["clusterLevelLoadReplicaNumber"] == city.replicas
    assert quantity(wanted["memory"]) * nodes["replicas"] > figures["milvus_memory_gib"]
    assert quantity(wanted["memory"]) <= quantity(limits["memory"]) < city.memory_gib
    assert float(wanted["cpu"]) < city.cores
    assert float(wanted["cpu"]) * nodes["replicas"] > figures["milvus_cores"]
    assert quantity(wanted["ephemeral-storage"]) * nodes["replicas"] > figures["milvus_disk_of_query_nodes_gib"]
    pulsar = dependencies["pulsar"]["inCluster"]["values"]
    assert quantity(pulsar["bookkeeper"]["volumes"]["ledgers"]["size"]) > 2 * figures["milvus_log_gib"]
    assert float(pulsar["broker"]["configData"]["defaultRetentionTimeInMinutes"]) == 60 * city.log_hours
    etcd = quantity(dependencies["etcd"]["inCluster"]["values"]["persistence"]["size"])
    assert etcd * 2**30 > figures["milvus_segments"] * 2**20  # room for far more than the few KiB of each


def test_the_milvus_cluster_is_the_one_that_the_servers_ask() -> None:
    objects = applied(FOLDER / "milvus")
    cluster, service, policy = (of_kind(objects, kind) for kind in ("Milvus", "Service", "NetworkPolicy"))
    assert identity(cluster) == ("milvus.io/v1beta1", "Milvus", "milvus")
    assert cluster["spec"]["mode"] == "cluster"
    assert {name: set(cluster["spec"][name]) for name in MILVUS} == MILVUS
    assert cluster["spec"]["config"]["common"]["security"]["authorizationEnabled"] is True
    assert cluster["spec"]["config"]["queryNode"]["mmap"] == {
        "vectorField": False,
        "vectorIndex": False,
        "scalarField": True,
        "scalarIndex": True,
    }
    (container,) = of_kind(applied(FOLDER / "overlays/replicas"), "StatefulSet")["spec"]["template"]["spec"][
        "containers"
    ]
    environment = {each["name"]: each for each in container["env"]}
    host, _, port = environment["RGBIR_GALLERY"]["value"].partition("//")[2].partition("/")[0].partition(":")
    assert host == f"{service['metadata']['name']}.{service['metadata']['namespace']}"
    assert service["spec"]["externalName"] == f"{cluster['metadata']['name']}-milvus.milvus.svc.cluster.local"
    assert "RGBIR_MILVUS_TOKEN" in environment
    (asked,) = (rule for rule in policy["spec"]["ingress"] if "ports" in rule)
    assert [str(each["port"]) for each in asked["ports"]] == [port]
    let_in = asked["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert let_in == of_kind(applied(FOLDER / "base"), "Namespace")["metadata"]["name"]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_stands_beside_the_milvus_cluster_is_valid(version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate: pip install 'rgbir[dev]'")
    beside = [each for each in applied(FOLDER / "milvus") if each["kind"] != "Milvus"]
    assert len(beside) == 3
    for each in beside:
        validate.validate(each, version, strict=True)


def test_a_patch_that_meets_nothing_is_an_error(tmp_path: Any) -> None:
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    patch = tmp_path / "kubernetes/overlays/cpu/server.yaml"
    patch.write_text(patch.read_text().replace("name: rgbir", "name: other", 1))
    with pytest.raises(ValueError, match=r"patches .*other.*, of which there are 0"):
        applied(tmp_path / "kubernetes/overlays/cpu")
