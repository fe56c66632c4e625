"""A file of mu and sigma where images are asked for says which command takes it."""

import numpy as np
import pytest

from harness import UsageError
from harness.images.formats.arrays import read_npz


def test_statistics_given_as_images_are_sent_to_the_command_that_takes_them(tmp_path):
    path = tmp_path / "adm.npz"
    np.savez(path, mu=np.zeros(4), sigma=np.eye(4))
    with pytest.raises(UsageError, match=f"harness stats fd {path} FAKE"):
        read_npz(path)
    np.savez(path, mu=np.zeros(4), images=np.zeros((3, 4, 4, 3), np.uint8))
    assert read_npz(path).size == 3
