/** A table with a caption. It scrolls by itself where it is wider than its place. */

import { html } from "./html.js";

/**
 * @template Row
 * @typedef {{ name: string, text: string, cell: (row: Row) => unknown, number?: boolean }} Column
 */

/**
 * @template Row
 * @param {{ caption: string, columns: Column<Row>[], rows: Row[], keyOf: (row: Row) => string | number, shown?: boolean }} props
 *   `shown`: whether the caption is seen, too
 */
export function Table({ caption, columns, rows, keyOf, shown = false }) {
  return html`<div class="table-scroll" tabindex="0" role="group" aria-label=${caption}><table>
    <caption class=${shown ? "" : "unseen"}>${caption}</caption>
    <thead><tr>${columns.map((column) => html`<th scope="col" class=${column.number ? "number" : ""}>${column.text}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row) => html`<tr key=${keyOf(row)}>
        ${columns.map((column, place) =>
          place === 0 ? html`<th scope="row" class=${column.number ? "number" : ""}>${column.cell(row)}</th>` : html`<td class=${column.number ? "number" : ""}>${column.cell(row)}</td>`,
        )}
      </tr>`,
    )}</tbody>
  </table></div>`;
}
