"""The example of client/README.md runs as it stands."""

import re
import subprocess
import sys

from client.generate import HERE
from tests.serving.running import RunningGateway


def test_the_example_prints_recommendations(gateway: RunningGateway) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (HERE / "README.md").read_text(), re.DOTALL)
    told = example.replace("http://127.0.0.1:17400", gateway.url).replace("TOKEN", gateway.token())
    done = subprocess.run([sys.executable, "-c", told], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
