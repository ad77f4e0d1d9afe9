/** The page begins here. */

import { listenForFiles } from "./core/files.js";
import { keepFocus } from "./core/focus.js";
import { html, render } from "./core/html.js";
import { addTexts } from "./core/words.js";
import { Shell } from "./shell/shell.js";
import { connect, store } from "./shell/state.js";
import { MARKS } from "./texts/marks.js";
import { SEARCH } from "./texts/search.js";

addTexts(SEARCH);
addTexts(MARKS);
document.documentElement.lang = store.get().language;
document.documentElement.dataset.theme = store.get().theme;
const root = document.getElementById("app");
if (root) {
  render(html`<${Shell} />`, root);
  keepFocus(root);
}
listenForFiles();
void connect();
