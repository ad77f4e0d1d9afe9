"""What `kubectl apply -k` would apply, for machines without kubectl: resources, a namespace, images, and strategic merge patches.

Only what the overlays here use; a key of a kustomization that isn't known is an error, and a patch that meets nothing is one, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

KNOWN = {"apiVersion", "kind", "namespace", "resources", "patches", "images"}
MERGED_BY = {
    "containers": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""Lists whose entries Kubernetes merges by a key; it replaces every other list."""
Object = dict[str, Any]


def applied(folder: Path) -> list[Object]:
    """The objects of a folder with a kustomization.

    Raises:
        ValueError: it says what isn't known here, or patches what isn't there.
    """
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := set(said) - KNOWN:
        raise ValueError(f"{folder}: {sorted(unknown)} isn't known here")
    objects: list[Object] = []
    for name in said.get("resources", ()):
        place = folder / name
        objects += applied(place) if place.is_dir() else list(yaml.safe_load_all(place.read_text()))
    for entry in said.get("patches", ()):
        for patch in yaml.safe_load_all((folder / entry["path"]).read_text()):
            met = [each for each in objects if identity(each) == identity(patch)]
            if len(met) != 1:
                raise ValueError(f"{folder / entry['path']} patches {identity(patch)}, of which there are {len(met)}")
            objects[objects.index(met[0])] = _merged(met[0], patch)
    for image in said.get("images", ()):
        containers = [container for other in objects for container in _containers(other)]
        used = [container for container in containers if container["image"].partition(":")[0] == image["name"]]
        if not used:
            raise ValueError(f"{folder}: no container has the image {image['name']}")
        for container in used:
            container["image"] = f"{image['newName']}:{image['newTag']}"
    for each in objects:
        if "namespace" in said and each["kind"] != "Namespace":
            each["metadata"]["namespace"] = said["namespace"]
    return objects


def identity(each: Object) -> tuple[str, str, str]:
    return each["apiVersion"], each["kind"], each["metadata"]["name"]


def _containers(each: Object) -> list[Object]:
    containers: list[Object] = each.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    return containers


def _merged(base: Any, patch: Any, key: str = "") -> Any:
    if isinstance(base, dict) and isinstance(patch, dict):
        result = dict(base)
        for name, value in patch.items():
            result[name] = _merged(base[name], value, name) if name in base else value
        return result
    if isinstance(base, list) and isinstance(patch, list) and key in MERGED_BY:
        by = MERGED_BY[key]
        entries = {entry[by]: entry for entry in base}
        for entry in patch:
            entries[entry[by]] = _merged(entries[entry[by]], entry) if entry[by] in entries else entry
        return list(entries.values())
    return patch
