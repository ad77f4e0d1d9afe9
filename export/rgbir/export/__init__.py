"""From a trained run to a bundle that serves without torch.

The front door is in `__init__.pyi`; what it names is imported when it is used, so that a command's help needs no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
