"""check.py FILE VERSION OPENSSL NLOHMANN_JSON [NAME...]

The file is valid CycloneDX 1.5 with these versions, and with these optional components in the version that pkg-config
knows, where it is there.
"""

import json
import shutil
import subprocess
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

path, versions, names = sys.argv[1], sys.argv[2:5], sys.argv[5:]
with open(path, encoding="utf-8") as file:
    text = file.read()

validator = JsonStrictValidator(SchemaVersion.V1_5)
error = validator.validate_str(text)
if error is not None:
    sys.exit(f"{path} is no CycloneDX: {error}")
bom = json.loads(text)
# A validator that accepts anything proves nothing.
if validator.validate_str(json.dumps({**bom, "components": "none"})) is None:
    sys.exit("the validator accepts what is no CycloneDX")

by_scope = {scope: [c for c in bom["components"] if c["scope"] == scope] for scope in ("required", "optional")}
found = [component["version"] for component in [bom["metadata"]["component"], *by_scope["required"]]]
if found != versions:
    sys.exit(f"{path} holds the versions {found}, not {versions}")
if any(not p["value"] for component in by_scope["required"] for p in component["properties"]):
    sys.exit("a component has no minimum version")

optional = {component["name"]: component["version"] for component in by_scope["optional"]}
if sorted(optional) != sorted(names):
    sys.exit(f"{path} holds the optional components {sorted(optional)}, not {sorted(names)}")
for name, version in optional.items():
    if not shutil.which("pkg-config"):
        break
    known = subprocess.run(["pkg-config", "--modversion", name], capture_output=True, text=True, check=False)
    if known.returncode == 0 and known.stdout.strip() != version:
        sys.exit(f"{path} holds {name} {version}, pkg-config knows {known.stdout.strip()}")

refs = [component["bom-ref"] for component in bom["components"]]
if bom["dependencies"][0]["dependsOn"] != refs or [d["ref"] for d in bom["dependencies"][1:]] != refs:
    sys.exit("the dependencies are not the components")
print("valid, of", *found, "and optionally", *(f"{name} {version}" for name, version in optional.items()))
