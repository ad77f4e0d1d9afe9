import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: { ...globals.browser } },
    rules: {
      eqeqeq: "error",
      "no-implicit-globals": "error",
      "no-restricted-globals": ["error", { name: "localStorage", message: "Nothing is kept on the disk." }],
      "no-restricted-properties": ["error", { property: "innerHTML", message: "Text from anywhere is text." }, { property: "outerHTML", message: "Text from anywhere is text." }],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  { files: ["**/unit/**"], languageOptions: { globals: { ...globals.node } } },
];
