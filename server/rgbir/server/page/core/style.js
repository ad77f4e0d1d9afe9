/** Stylesheets of views that aren't there from the start. */

/** @type {Map<string, Promise<void>>} */
const asked = new Map();

/**
 * Done once the stylesheet applies, or can't be had. It is asked for once.
 * @param {string} name of a file in `style/`, without its ending
 */
export function style(name) {
  const known = asked.get(name);
  if (known) return known;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = `page/style/${name}.css`;
  const applies = new Promise((/** @type {(value: void) => void} */ done) => {
    link.onload = () => done();
    link.onerror = () => done();
  });
  asked.set(name, applies);
  document.head.append(link);
  return applies;
}
