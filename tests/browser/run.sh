#!/bin/sh
# Walkthroughs in a browser: run.sh PYTHON. Needs Chromium, node and npm; what is missing is said, and nothing is run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=$1
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
for need in "${chromium:-chromium}" node npm; do
    if ! command -v "$need" >/dev/null 2>&1; then
        echo "test-browser: not run, as there is no $need here (Debian: apt-get install chromium nodejs npm)"
        exit 0
    fi
done
if [ ! -d "$here/node_modules/playwright-core" ]; then
    (cd "$here" && npm install --no-audit --no-fund --no-package-lock --silent)
fi
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
"$python" "$here/pages.py" "$pages"
"$here/node_modules/.bin/markdownlint-cli2" "$pages/*.md"
cd "$here" && node run.js "$pages" "$chromium"
