#!/bin/sh
# sh selftest.sh ENVIRONMENT: draws people, enrols them with the demonstration's model, and searches for one.
set -eu
programs=$1/bin
place=$(mktemp -d)
trap 'rm -rf -- "$place"' EXIT
export XDG_CACHE_HOME="$place/cache"
cd -- "$place"

"$programs/rgbir" --version
bundle=$(echo "$1"/lib/python3*/site-packages/rgbir/server/bundles/*)
"$programs/rgbir" synthesize people --identities 2 --images 1 --only-test --workers 1 --quiet
"$programs/rgbir" index add people --layout sysu --gallery gallery --bundle "$bundle" --quiet
set -- people/cam3/*/0001.jpg
"$programs/rgbir" search "$1" --camera 3 --gallery gallery --bundle "$bundle" --json > answer.json
"$programs/python" -c 'import json
answer = json.load(open("answer.json"))
assert answer["exact"] and len(answer["hits"]) == answer["coverage"]["searched"] > 0, answer
print("a search for a drawn person is answered, with", len(answer["hits"]), "hits")'
