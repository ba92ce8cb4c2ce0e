"""What a source proposes when it has nothing to say."""

import numpy as np

from pipeline.candidates import Proposal

NOTHING = Proposal(np.empty(0, np.int32), np.empty(0, np.float32))
