// Bundles into api/static, which is never committed; api/pages/assets.py finds the files by the manifest.
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  base: "/static/",
  plugins: [tailwindcss()],
  build: {
    outDir: "../api/static",
    emptyOutDir: true,
    manifest: "manifest.json",
    assetsDir: "",
    modulePreload: { polyfill: false },
    rolldownOptions: { input: "app.js" },
  },
});
