/** Which module shows which part of the page, and who sees it in the navigation. Modules are fetched when they are opened. */

/**
 * @typedef {{ path: string, text: string, icon: string, rights: string[], beneath?: string, load: () => Promise<{ default: any }> }} Part
 *   `beneath`: the part that leads to it; it stands in the navigation in its place
 */

/** @type {Part[]} */
const PARTS = [
  { path: "/search", text: "nav.search", icon: "search", rights: ["search"], load: () => import("../search/view.js") },
  { path: "/cases", text: "nav.cases", icon: "case", rights: ["cases"], load: () => import("../cases/view.js") },
  { path: "/gallery", text: "nav.gallery", icon: "gallery", rights: ["search", "look"], load: () => import("../gallery/view.js") },
  { path: "/enrol", text: "nav.enrol", icon: "upload", rights: ["enrol"], load: () => import("../enrol/view.js") },
  { path: "/manage", text: "nav.manage", icon: "settings", rights: ["monitor", "look", "keys", "administer"], load: () => import("../manage/view.js") },
  { path: "/judge", text: "nav.judge", icon: "", rights: ["cases"], beneath: "/manage", load: () => import("../judge/view.js") },
];

/** @param {string} path */
export const partOf = (path) => PARTS.find((part) => path === part.path || path.startsWith(`${part.path}/`));

/** @param {readonly string[]} rights of whoever asks */
export const partsFor = (rights) => PARTS.filter((part) => part.rights.some((right) => rights.includes(right)));

/** Those of them that the navigation has. @param {readonly string[]} rights */
export const navigationFor = (rights) => partsFor(rights).filter((part) => !part.beneath);

/** Where one begins: with what one's key is for. @param {Part[]} parts those that one sees */
export const homeOf = (parts) => (["/search", "/enrol", "/manage"].find((path) => parts.some((part) => part.path === path)) ?? parts[0].path);
