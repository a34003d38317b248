//! What a desktop has around an app: a place for notifications and a tray on the session's bus, and a frame to close a window by. The
//! story asks what is shown there, and clicks into it, by the interface `chat.parley.Test`; whose it is, is told by the `PARLEY_DATA` of
//! the process behind it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, MapState};
use zbus::fdo;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{ObjectPath, OwnedValue, Structure, Value};
use zbus::{Connection, interface};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// An item of a menu: its number, its properties, and the items below it.
type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

/// A notification that stands there.
#[derive(Clone)]
struct Note {
    id: u32,
    data: String,
    title: String,
    text: String,
}

#[derive(Clone, Default)]
struct Shown {
    notes: Arc<Mutex<Vec<Note>>>,
    last: Arc<Mutex<u32>>,
    items: Arc<Mutex<Vec<Item>>>,
}

/// An icon in the tray.
#[derive(Clone)]
struct Item {
    owner: String,
    path: String,
    data: String,
}

/// Offers all of it while this lives.
pub(crate) fn open() -> zbus::Result<zbus::blocking::Connection> {
    let shown = Shown::default();
    zbus::blocking::connection::Builder::session()?
        .serve_at("/org/freedesktop/Notifications", Notifications(shown.clone()))?
        .serve_at("/StatusNotifierWatcher", Watcher(shown.clone()))?
        .serve_at("/", Test(shown))?
        .name("org.freedesktop.Notifications")?
        .name(WATCHER)?
        .build()
}

/// The `PARLEY_DATA` of whoever sent a message.
async fn data_of(bus: &Connection, header: &Header<'_>) -> fdo::Result<String> {
    let sender = header.sender().ok_or_else(|| fdo::Error::Failed("nobody sent it".to_owned()))?;
    let process = fdo::DBusProxy::new(bus).await?.get_connection_unix_process_id(sender.clone().into()).await?;
    let environment = std::fs::read(format!("/proc/{process}/environ")).map_err(failed)?;
    let variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    Ok(variables.into_iter().find_map(|one| one.strip_prefix("PARLEY_DATA=").map(str::to_owned)).unwrap_or_default())
}

fn failed(error: impl std::fmt::Display) -> fdo::Error {
    fdo::Error::Failed(error.to_string())
}

struct Notifications(Shown);

#[interface(name = "org.freedesktop.Notifications")]
impl Notifications {
    fn get_capabilities(&self) -> Vec<&'static str> {
        vec!["actions", "body", "body-markup"]
    }

    fn get_server_information(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        ("Parley's tests", "Parley", "1", "1.2")
    }

    #[allow(clippy::too_many_arguments, reason = "the specification has them")]
    async fn notify(
        &self,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
        _app: String,
        replaces: u32,
        _icon: String,
        title: String,
        text: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _timeout: i32,
    ) -> fdo::Result<u32> {
        let data = data_of(bus, &header).await?;
        let mut notes = self.0.notes.lock().unwrap();
        let id = if notes.iter().any(|note| note.id == replaces) {
            replaces
        } else {
            let mut last = self.0.last.lock().unwrap();
            *last += 1;
            *last
        };
        notes.retain(|note| note.id != id);
        notes.push(Note { id, data, title, text });
        Ok(id)
    }

    async fn close_notification(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        id: u32,
    ) -> zbus::fdo::Result<()> {
        self.0.notes.lock().unwrap().retain(|note| note.id != id);
        Ok(Self::notification_closed(&emitter, id, 3).await?)
    }

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, action: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn notification_closed(emitter: &SignalEmitter<'_>, id: u32, reason: u32) -> zbus::Result<()>;
}

struct Watcher(Shown);

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    async fn register_status_notifier_item(
        &self,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
        path: String,
    ) -> fdo::Result<()> {
        let owner = header.sender().map(ToString::to_string).unwrap_or_default();
        let data = data_of(bus, &header).await?;
        self.0.items.lock().unwrap().push(Item { owner, path, data });
        Ok(())
    }

    fn register_status_notifier_host(&self, _host: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.0.items.lock().unwrap().iter().map(|item| format!("{}{}", item.owner, item.path)).collect()
    }
}

struct Test(Shown);

#[interface(name = "chat.parley.Test")]
impl Test {
    /// The notifications of a process that stand there, as JSON: `[{id, title, text}]`.
    fn notes(&self, data: String) -> String {
        let notes = self.0.notes.lock().unwrap().clone();
        let own = notes.into_iter().filter(|note| note.data == data);
        serde_json::Value::from_iter(
            own.map(|note| serde_json::json!({"id": note.id, "title": note.title, "text": note.text})),
        )
        .to_string()
    }

    /// Clicks on a notification.
    async fn click(&self, #[zbus(connection)] bus: &Connection, id: u32) -> fdo::Result<()> {
        self.0.notes.lock().unwrap().retain(|note| note.id != id);
        let emitter = SignalEmitter::new(bus, "/org/freedesktop/Notifications")?;
        Notifications::action_invoked(&emitter, id, "default").await?;
        Ok(Notifications::notification_closed(&emitter, id, 2).await?)
    }

    /// Closes the window on a display.
    fn close(&self, display: String) -> fdo::Result<()> {
        close(&display).map_err(failed)
    }

    /// What the menu in the tray of a process says, as JSON: `[…]`; `null` while it has none.
    async fn tray(&self, #[zbus(connection)] bus: &Connection, data: String) -> fdo::Result<String> {
        let Some((_, _, items)) = self.menu(bus, &data).await? else { return Ok("null".to_owned()) };
        Ok(serde_json::Value::from_iter(items.into_iter().map(|(_, label)| label)).to_string())
    }

    /// Lets the tray come or go, with all that is in it.
    async fn has_tray(&self, #[zbus(connection)] bus: &Connection, has: bool) -> fdo::Result<()> {
        if has {
            bus.request_name(WATCHER).await.map_err(failed)
        } else {
            self.0.items.lock().unwrap().clear();
            bus.release_name(WATCHER).await.map(drop).map_err(failed)
        }
    }

    /// Chooses an item of the menu in the tray of a process, by how what it says begins.
    async fn choose(&self, #[zbus(connection)] bus: &Connection, data: String, words: String) -> fdo::Result<()> {
        let (owner, path, items) =
            self.menu(bus, &data).await?.ok_or_else(|| failed("there is no icon in the tray"))?;
        let (id, _) = items
            .into_iter()
            .find(|(_, label)| label.starts_with(&words))
            .ok_or_else(|| failed(format!("the menu does not say {words}")))?;
        let event = (id, "clicked", Value::from(0_i32), 0_u32);
        bus.call_method(Some(owner.as_str()), path.as_str(), Some(MENU), "Event", &event).await?;
        Ok(())
    }
}

/// Asks the windows on a display to close, as their frames' buttons do.
fn close(display: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (x, screen) = x11rb::connect(Some(display))?;
    let root = x.setup().roots[screen].root;
    let atom = |name: &[u8]| Ok::<_, Box<dyn std::error::Error>>(x.intern_atom(false, name)?.reply()?.atom);
    let (protocols, delete) = (atom(b"WM_PROTOCOLS")?, atom(b"WM_DELETE_WINDOW")?);
    for window in x.query_tree(root)?.reply()?.children {
        let shows = x.get_window_attributes(window)?.reply()?.map_state == MapState::VIEWABLE;
        let spoken = x.get_property(false, window, protocols, AtomEnum::ATOM, 0, 16)?.reply()?;
        if shows && spoken.value32().is_some_and(|mut spoken| spoken.any(|one| one == delete)) {
            let data = [delete, x11rb::CURRENT_TIME, 0, 0, 0];
            let asked = ClientMessageEvent::new(32, window, protocols, data);
            x.send_event(false, window, EventMask::NO_EVENT, asked)?.check()?;
        }
    }
    Ok(())
}

impl Test {
    /// Who has the menu in the tray, where, and its items: their numbers and what they say.
    async fn menu(&self, bus: &Connection, data: &str) -> fdo::Result<Option<(String, String, Vec<(i32, String)>)>> {
        let item = self.0.items.lock().unwrap().iter().rfind(|item| item.data == data).cloned();
        let Some(Item { owner, path, .. }) = item else { return Ok(None) };
        let proxy = zbus::Proxy::new(bus, owner.clone(), path, ITEM).await?;
        let menu: zbus::zvariant::OwnedObjectPath = match proxy.get_property("Menu").await {
            Ok(menu) => menu,
            // It has left the bus.
            Err(_) => return Ok(None),
        };
        let path = ObjectPath::from(menu).to_string();
        let wanted = (0_i32, -1_i32, Vec::<String>::new());
        let answer = bus.call_method(Some(owner.as_str()), path.as_str(), Some(MENU), "GetLayout", &wanted).await?;
        let body = answer.body();
        let (_, (_, _, children)): (u32, Layout) = body.deserialize().map_err(failed)?;
        let items = children.into_iter().filter_map(|child| {
            let child = Structure::try_from(child).ok()?;
            let [id, properties, _] = child.fields() else { return None };
            let properties = HashMap::<String, Value<'_>>::try_from(properties.try_clone().ok()?).ok()?;
            Some((i32::try_from(id).ok()?, String::try_from(properties.get("label")?.try_clone().ok()?).ok()?))
        });
        Ok(Some((owner, path, items.collect())))
    }
}
