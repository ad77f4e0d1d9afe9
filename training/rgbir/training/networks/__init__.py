"""Re-identification networks taken whole: from images to an embedding, and to what classifiers read in training.

HPILN trains each of them with one loss (methods.md 5.2). Beside them lie blocks that one method puts into a backbone.
"""

from rgbir.training.networks.bfe import BFE
from rgbir.training.networks.hacnn import HACNN
from rgbir.training.networks.mgn import MGN
from rgbir.training.networks.mlfn import MLFN
from rgbir.training.networks.mudeep import MuDeep
from rgbir.training.networks.pcb import PCB
from rgbir.training.networks.plain import DenseNet121Pooled, ResNet50Pooled
from rgbir.training.networks.res_mid import ResMid
from rgbir.training.networks.whole import Network, Views

__all__ = [
    "BFE",
    "HACNN",
    "MGN",
    "MLFN",
    "PCB",
    "DenseNet121Pooled",
    "MuDeep",
    "Network",
    "ResMid",
    "ResNet50Pooled",
    "Views",
]
