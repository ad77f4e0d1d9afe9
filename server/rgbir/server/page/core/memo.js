/** A component that is drawn again only if one of its properties is another one. What it reads beside them must be among them. */

import { Component } from "../vendor/preact.js";

/**
 * @template {object} Props
 * @param {(props: Props) => any} draw
 * @returns {any} a component
 */
export const memo = (draw) =>
  class extends Component {
    /** @param {Props} next */
    shouldComponentUpdate(next) {
      const now = /** @type {Record<string, unknown>} */ (this.props);
      const then = /** @type {Record<string, unknown>} */ (next);
      return Object.keys(then).length !== Object.keys(now).length || Object.keys(then).some((name) => then[name] !== now[name]);
    }

    /** @param {Props} props */
    render(props) {
      return draw(props);
    }
  };
