/** What fails while it is drawn is told in its place; the rest of the page goes on. */

import { Component } from "../vendor/preact.js";
import { html } from "./html.js";
import { rich } from "./rich.js";

/** Where `at` or `of` is another one it tries anew. */
export class Boundary extends Component {
  state = { error: /** @type {unknown} */ (null) };

  /** @param {unknown} error */
  static getDerivedStateFromError(error) {
    return { error };
  }

  /** @param {{ at: string, of: unknown }} before */
  componentDidUpdate(before) {
    const now = /** @type {any} */ (this.props);
    if (this.state.error !== null && (before.at !== now.at || before.of !== now.of)) this.setState({ error: null });
  }

  /** @param {{ at: string, of: unknown, children?: any }} props @param {{ error: unknown }} state */
  render({ children }, { error }) {
    if (error === null) return children;
    const detail = error instanceof Error ? error.message : String(error);
    return html`<div class="trouble" role="alert"><p>${rich("trouble.page", { detail }, () => this.setState({ error: null }))}</p></div>`;
  }
}
