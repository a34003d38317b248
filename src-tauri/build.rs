//! Hands the window's configuration to Tauri, and looks whether the screen is there to be put in.

use std::path::Path;

fn main() {
    let screen = Path::new("../ui/dist");
    println!("cargo:rerun-if-changed={}", screen.display());
    if !screen.join("index.html").exists() {
        println!(
            "cargo:error=The screen is not built. Run `make screen`, which does `npm ci` and `npm run build` in ui/, first."
        );
        std::process::exit(1);
    }
    tauri_build::build();
}
