"""What all tests share."""

import torch

# The tensors here are tiny. Where the cores are busy with something else, a second thread waits for its
# turn at every operation: one thread was measured to be 20 times faster then, and no slower on idle cores.
torch.set_num_threads(1)
