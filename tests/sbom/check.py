"""check.py FILE VERSION OPENSSL NLOHMANN_JSON: the file is valid CycloneDX 1.5 with these versions."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

path, *versions = sys.argv[1:]
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

found = [component["version"] for component in [bom["metadata"]["component"], *bom["components"]]]
if found != versions:
    sys.exit(f"{path} holds the versions {found}, not {versions}")
if any(not p["value"] for component in bom["components"] for p in component["properties"]):
    sys.exit("a component has no minimum version")
print("valid, of", *found)
