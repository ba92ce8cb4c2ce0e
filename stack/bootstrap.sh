#!/usr/bin/env bash
# make setup: from a bare machine with Python 3.11 and Java 17 to a working .venv. May be cut at any point and run again.
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9
VENV=.venv
STAMP=$VENV/.headwater-setup
SECONDS=0

say() { printf '[%4d s] %s\n' "$SECONDS" "$*" >&2; }
stop() { printf '%s\n' "$*" >&2; exit 1; }

# What decides the environment: while none of it changes, a second call has nothing to do.
wanted=$(cat requirements.lock pyproject.toml stack/jars.lock stack/bootstrap.sh | cksum)
if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$wanted" ]; then
    exit 0
fi

python=${PYTHON:-$(command -v python3.11 || true)}
[ -n "$python" ] || stop "Python 3.11 is missing: install it (Debian: apt-get install python3.11 python3.11-venv) or set PYTHON to its path."
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
    || stop "$python is not Python 3.11: install that version or set PYTHON to its path."
"$python" -c 'import venv, ensurepip' 2>/dev/null \
    || stop "Python's venv module is missing: install it (Debian: apt-get install python3.11-venv)."
java=${JAVA_HOME:+$JAVA_HOME/bin/java}
java=${java:-$(command -v java || true)}
{ [ -n "$java" ] && [ -x "$java" ]; } \
    || stop "Java is missing: install OpenJDK 17 (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME."
major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
[ "${major:-0}" -ge 17 ] || stop "Java ${major:-of unknown version} is too old: install OpenJDK 17 or set JAVA_HOME."
free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
[ -x "$VENV/bin/headwater" ] || [ "$free" -ge 8 ] \
    || stop "$free GiB of disk are free here and the installation needs 8: make room or clone onto a larger disk."

if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV"
fi

# uv reads none of pip's settings, so what this machine tells pip (its index, its certificates) is passed on.
setting() { "$VENV/bin/python" -m pip config get "$1" 2>/dev/null || true; }
index=${PIP_INDEX_URL:-$(setting global.index-url)}
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
links=${PIP_FIND_LINKS:-$(setting global.find-links)}
[ -z "$links" ] || export UV_FIND_LINKS="${UV_FIND_LINKS:-$links}"
certificates=${PIP_CERT:-$(setting global.cert)}
[ -z "$certificates" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-300}" UV_LINK_MODE="${UV_LINK_MODE:-copy}"

if ! "$VENV/bin/uv" --version 2>/dev/null | grep -q "^uv $UV_VERSION"; then
    say "installing uv $UV_VERSION"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
fi
say "installing $(grep -c '==' requirements.lock) packages from requirements.lock"
"$VENV/bin/uv" pip install --python "$VENV/bin/python" --require-hashes --no-deps -r requirements.lock
say "installing headwater"
"$VENV/bin/uv" pip install --python "$VENV/bin/python" --quiet --no-build-isolation --no-deps -e .
say "fetching the jars of Kafka and Spark's Kafka connector"
"$VENV/bin/python" -m stack.jars fetch
say "compiling what servers and tasks import first"
site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
for package in airflow mlflow sqlalchemy alembic pydantic fastapi flask opentelemetry \
    feast ibis sqlglot great_expectations pyspark; do
    "$VENV/bin/python" -m compileall -q -j 0 "$site/$package" >/dev/null
done
printf '%s' "$wanted" >"$STAMP"
say "the environment is ready"
