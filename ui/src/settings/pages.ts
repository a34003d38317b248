// The pages of the settings, in their order, with what stands for each in the navigation.

import Bell from "@lucide/svelte/icons/bell";
import Info from "@lucide/svelte/icons/info";
import Keyboard from "@lucide/svelte/icons/keyboard";
import Laptop from "@lucide/svelte/icons/laptop";
import Palette from "@lucide/svelte/icons/palette";
import Server from "@lucide/svelte/icons/server";
import Shield from "@lucide/svelte/icons/shield";
import User from "@lucide/svelte/icons/user";
import type { Component } from "svelte";
import type { SettingsPage } from "../state/navigation.svelte";

export const PAGES: { page: SettingsPage; icon: Component }[] = [
  { page: "profile", icon: User },
  { page: "devices", icon: Laptop },
  { page: "privacy", icon: Shield },
  { page: "notifications", icon: Bell },
  { page: "appearance", icon: Palette },
  { page: "shortcuts", icon: Keyboard },
  { page: "relay", icon: Server },
  { page: "about", icon: Info },
];
