/** What a model's card says: figures, points of a curve, whether people were drawn. Pure. */

/**
 * `spread` is a standard deviation over sets of people, where a share is a mean over them.
 * @typedef {{ rank: number, share: number, spread?: number }} Rank
 * @typedef {{ name: string, share: number, spread?: number }} Figure
 * @typedef {{ name: string, data: string, command: string, ranks: Rank[], figures: Figure[] }} Measured
 */

/**
 * What was measured, from a card's `measured`: the ranks of its curve in their order, and the other figures.
 * @param {Record<string, Record<string, unknown>>} measured
 * @returns {Measured[]}
 */
export function measuredOf(measured) {
  return Object.entries(measured).map(([name, result]) => {
    const spread = /** @type {Record<string, number>} */ (result.spread ?? {});
    const numbers = Object.entries(result).filter((entry) => typeof entry[1] === "number")
      .map(([key, value]) => ({ name: key, share: Number(value), ...(key in spread ? { spread: Number(spread[key]) } : {}) }));
    const ranks = numbers
      .map(({ name: key, ...each }) => ({ rank: Number(/^rank_(\d+)$/.exec(key)?.[1] ?? 0), ...each }))
      .filter(({ rank }) => rank > 0)
      .sort((one, other) => one.rank - other.rank);
    return { name, data: String(result.data ?? ""), command: String(result.command ?? ""), ranks, figures: numbers.filter(({ name: key }) => !/^rank_\d+$/.test(key)) };
  });
}

/**
 * Where a curve's points lie in a drawing; ranks on a logarithmic axis from 1, shares from the bottom up.
 * @param {{ rank: number, share: number }[]} ranks
 * @param {{ width: number, height: number, left: number, bottom: number, top: number, right: number }} room
 */
export function points(ranks, { width, height, left, bottom, top, right }) {
  const most = Math.max(10, ...ranks.map(({ rank }) => rank));
  return ranks.map(({ rank, share }) => ({
    rank, share,
    x: left + (Math.log(rank) / Math.log(most)) * (width - left - right),
    y: height - bottom - share * (height - top - bottom),
  }));
}

/** Ranks that are written below a curve of many. */
const WRITTEN = [1, 5, 10, 20, 50];

/**
 * Points of a curve that are marked and named: all where they are few, and of a whole curve some.
 * @template {{ rank: number }} Point
 * @param {Point[]} drawn
 */
export const marked = (drawn) => (drawn.length <= WRITTEN.length ? drawn : drawn.filter(({ rank }) => WRITTEN.includes(rank)));

/**
 * A saved report as a measurement: its whole curve, and its figures.
 * @param {import("../core/types.js").Schemas["SavedReport"]} report
 * @returns {Measured}
 */
export function measuredIn(report) {
  return {
    name: report.name, data: report.about.data ?? "", command: "",
    ranks: report.curve.map((share, place) => ({ rank: place + 1, share })),
    figures: [{ name: "mAP", share: report.mean_ap }, { name: "mINP", share: report.mean_inp }],
  };
}

/** The parts of a measurement's name that have words of their own. @param {string} name */
export const protocolParts = (name) => name.split(",").map((part) => part.trim()).filter(Boolean);

/** Whether the card says that its people were drawn. @param {{ training_data?: string, note?: string }} card */
export const isSynthetic = (card) => /synthetic/i.test(`${card.training_data ?? ""} ${card.note ?? ""}`);

/** Overlap of the ten nearest below which a name is typed before a model answers. */
const LEAST_OVERLAP = 0.8;

/** @param {{ overlap?: number | null }} model */
export const needsTyping = (model) => model.overlap === null || model.overlap === undefined || model.overlap < LEAST_OVERLAP;
