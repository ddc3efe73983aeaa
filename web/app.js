// One script for every page. It enhances: what matters is in the HTML already.
import "htmx.org/dist/htmx.esm.js";
import "htmx.org/dist/ext/hx-sse.js";
import "./app.css";
import "./chart.js";
import "./dialogs.js";
import "./forms.js";
import "./keys.js";
import "./live.js";
