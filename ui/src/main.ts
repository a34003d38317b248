import "./design/fonts.css";
import "./design/tokens.css";
import "./design/base.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { useBackend } from "./backend";
import { connect } from "./backend/connect";
import { start } from "./state/start";

useBackend(await connect());
mount(App, { target: document.getElementById("app")! });
await start();
