"""Pictures of an evaluation, as PNG files. Needs the extra `plots`; nothing else imports it."""

from rgbir.index.plots.cameras import camera_pairs, draw_camera_pairs
from rgbir.index.plots.canvas import draw_cmc, draw_distances
from rgbir.index.plots.neighbours import draw_map
from rgbir.index.plots.sheet import draw_sheet

__all__ = ["camera_pairs", "draw_camera_pairs", "draw_cmc", "draw_distances", "draw_map", "draw_sheet"]
