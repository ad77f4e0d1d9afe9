/** The parts of Manage, and who sees which. Pure but for the imports, which happen when a part is opened. */

/** @typedef {{ name: string, text: string, rights: string[], load: () => Promise<{ default: any }> }} ManagePart */

/** @type {ManagePart[]} */
export const MANAGE_PARTS = [
  { name: "cameras", text: "manage.cameras", rights: ["search", "administer"], load: () => import("./cameras.js") },
  { name: "models", text: "manage.models", rights: ["administer"], load: () => import("./models.js") },
  { name: "evaluation", text: "manage.evaluation", rights: ["search", "administer"], load: () => import("./evaluation.js") },
  { name: "audit", text: "manage.audit", rights: ["administer"], load: () => import("./audit.js") },
  { name: "keys", text: "manage.keys", rights: ["keys", "administer"], load: () => import("./keys.js") },
  { name: "system", text: "manage.system", rights: ["monitor", "look", "administer"], load: () => import("./system.js") },
];

/** @param {readonly string[]} rights */
export const manageParts = (rights) => MANAGE_PARTS.filter((part) => part.rights.some((right) => rights.includes(right)));
