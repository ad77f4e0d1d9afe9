"""What happens to hits after the search: groups, neighbours, what can be walked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import CameraNetwork
from rgbir.index.errors import GalleryError, InvalidQuery
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.options import MAX_TOP_K, MOST_RERANKED, Group
from rgbir.index.gallery.query import Answer, Hit, Query, Reranking
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.rerank import Reranker


def grouped(gallery: AnyGallery, query: Query, by: Group) -> Answer:
    """The best hit of each identity, track or camera, `top_k` of them, best first; hits without one stand alone.

    `others` of a hit: further hits of its group among those that were looked at. The search asks for more until there are
    enough groups, or no more sightings.
    """
    if by == "none":
        return gallery.search(query)
    width = min(4 * query.top_k, MAX_TOP_K)
    while True:
        answer = gallery.search(replace(query, top_k=width))
        first: dict[object, Hit] = {}
        for hit in answer.hits:
            key = getattr(hit, by)
            group = ("alone", hit.id) if key is None else key
            seen = first.get(group)
            first[group] = hit if seen is None else replace(seen, others=seen.others + 1)
        if len(first) >= query.top_k or len(answer.hits) < width or width == MAX_TOP_K:
            return replace(answer, hits=_ranked(list(first.values())[: query.top_k]))
        width = min(4 * width, MAX_TOP_K)


def reranked(gallery: AnyGallery, query: Query, by: Reranker, candidates: int = 0) -> Answer:
    """The nearest sightings in the order of their neighbours; `plain_rank` is the old one. Only what the query may see is a neighbour.

    Distances and scores stay as they are, and needn't fall along the new order.

    Args:
        candidates: how many of the nearest are ordered anew; 0 is as many as may be.

    Raises:
        InvalidQuery: more candidates than the budget, or fewer than hits wanted; or this gallery can't be re-ranked so.
    """
    if candidates and not query.top_k <= candidates <= MOST_RERANKED:
        raise InvalidQuery(
            f"re-ranking looks at top_k ({query.top_k}) to {MOST_RERANKED:,} sightings, not at {candidates}"
        )
    if isinstance(by, Affinity):
        return gallery.search_affine(query, by, candidates)
    if query.top_k > MOST_RERANKED:
        raise InvalidQuery(f"k-reciprocal neighbours order {MOST_RERANKED:,} hits at most, not top_k={query.top_k:,}")
    width = candidates or MOST_RERANKED
    answer, rows = _nearest(gallery, replace(query, top_k=width, least_score=0.0))
    hits = list(answer.hits)
    if len(hits) > 1:
        keys = by.keys(query.embedding[None], rows, gallery.model.metric)[0]
        hits = [hits[place] for place in np.argsort(keys, kind="stable").tolist()]
    done = Reranking(by.name, len(hits), answer.coverage.searched, width)
    wanted = [hit for hit in hits if hit.score >= query.least_score][: query.top_k]
    return replace(answer, hits=_ranked(wanted, keep_plain=True), reranking=done)


def _nearest(gallery: AnyGallery, query: Query) -> tuple[Answer, NDArray[np.float32]]:
    """An answer and its hits' embeddings, (hits, d). It searches again where one of them left the gallery meanwhile."""
    while True:
        answer = gallery.search(query)
        ids = [hit.id for hit in answer.hits]
        try:
            return answer, gallery.embeddings(ids)
        except GalleryError:
            if gallery.known(ids) == set(ids):
                raise


def plausible_first(answer: Answer, network: CameraNetwork, taken_at: datetime) -> Answer:
    """Hits that nobody could have walked to or from in time go to the end; `plain_rank` is the old rank."""

    def impossible(hit: Hit) -> bool:
        if answer.camera is None or hit.taken_at is None:
            return False
        walk = network.passage(answer.camera, hit.camera, taken_at, hit.taken_at)
        if walk is None:
            return False
        return not walk.soonest_s <= abs((hit.taken_at - taken_at).total_seconds()) <= walk.latest_s

    return replace(answer, hits=_ranked(sorted(answer.hits, key=impossible), keep_plain=True))


def _ranked(hits: Sequence[Hit], keep_plain: bool = False) -> tuple[Hit, ...]:
    return tuple(
        replace(hit, rank=rank, plain_rank=hit.plain_rank or (hit.rank if keep_plain else None))
        for rank, hit in enumerate(hits, start=1)
    )
