//! The few words which the shell itself shows: in menus, the tray and notifications. Everything else is the screen's.

/// What is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    NewMessage,
    Open,
    OpenParley,
    Quit,
    Update,
    File,
    Edit,
    View,
    Go,
    Help,
    NewChat,
    Settings,
    CloseWindow,
    Cut,
    Copy,
    Paste,
    SelectAll,
    SearchHere,
    Search,
    SwitchChat,
    PreviousChat,
    NextChat,
    PreviousUnread,
    NextUnread,
    SidePanel,
    Larger,
    Smaller,
    ActualSize,
    Shortcuts,
}

/// Says words in a language: the one that was chosen, or the system's first which there is; English otherwise.
pub(crate) fn words(language: Option<&str>) -> impl Fn(Word) -> &'static str + use<> {
    let chosen = language.map(str::to_owned).into_iter().chain(sys_locale::get_locales());
    let column = chosen.filter_map(|tag| column(&tag)).next().unwrap_or(english);
    move |word| column(word)
}

fn column(tag: &str) -> Option<fn(Word) -> &'static str> {
    match tag.split(['-', '_']).next() {
        Some("en") => Some(english),
        Some("de") => Some(german),
        Some("ar") => Some(arabic),
        _ => None,
    }
}

fn english(word: Word) -> &'static str {
    match word {
        Word::NewMessage => "New message",
        Word::Open => "Open",
        Word::OpenParley => "Open Parley",
        Word::Quit => "Quit Parley",
        Word::Update => "A newer version is here. Click to install it and start again.",
        Word::File => "File",
        Word::Edit => "Edit",
        Word::View => "View",
        Word::Go => "Go",
        Word::Help => "Help",
        Word::NewChat => "New chat",
        Word::Settings => "Settings",
        Word::CloseWindow => "Close window",
        Word::Cut => "Cut",
        Word::Copy => "Copy",
        Word::Paste => "Paste",
        Word::SelectAll => "Select all",
        Word::SearchHere => "Search in this chat",
        Word::Search => "Search",
        Word::SwitchChat => "Switch to…",
        Word::PreviousChat => "Previous chat",
        Word::NextChat => "Next chat",
        Word::PreviousUnread => "Previous unread chat",
        Word::NextUnread => "Next unread chat",
        Word::SidePanel => "Side panel",
        Word::Larger => "Zoom in",
        Word::Smaller => "Zoom out",
        Word::ActualSize => "Actual size",
        Word::Shortcuts => "Keyboard shortcuts",
    }
}

fn german(word: Word) -> &'static str {
    match word {
        Word::NewMessage => "Neue Nachricht",
        Word::Open => "Öffnen",
        Word::OpenParley => "Parley öffnen",
        Word::Quit => "Parley beenden",
        Word::Update => "Eine neuere Version ist da. Klicken, um sie zu installieren und neu zu starten.",
        Word::File => "Datei",
        Word::Edit => "Bearbeiten",
        Word::View => "Ansicht",
        Word::Go => "Gehe zu",
        Word::Help => "Hilfe",
        Word::NewChat => "Neuer Chat",
        Word::Settings => "Einstellungen",
        Word::CloseWindow => "Fenster schließen",
        Word::Cut => "Ausschneiden",
        Word::Copy => "Kopieren",
        Word::Paste => "Einfügen",
        Word::SelectAll => "Alles auswählen",
        Word::SearchHere => "In diesem Chat suchen",
        Word::Search => "Suchen",
        Word::SwitchChat => "Wechseln zu …",
        Word::PreviousChat => "Voriger Chat",
        Word::NextChat => "Nächster Chat",
        Word::PreviousUnread => "Voriger ungelesener Chat",
        Word::NextUnread => "Nächster ungelesener Chat",
        Word::SidePanel => "Seitenleiste",
        Word::Larger => "Vergrößern",
        Word::Smaller => "Verkleinern",
        Word::ActualSize => "Originalgröße",
        Word::Shortcuts => "Tastenkürzel",
    }
}

fn arabic(word: Word) -> &'static str {
    match word {
        Word::NewMessage => "رسالة جديدة",
        Word::Open => "فتح",
        Word::OpenParley => "فتح Parley",
        Word::Quit => "إنهاء Parley",
        Word::Update => "يوجد إصدار أحدث. انقر لتثبيته وإعادة التشغيل.",
        Word::File => "ملف",
        Word::Edit => "تحرير",
        Word::View => "عرض",
        Word::Go => "انتقال",
        Word::Help => "مساعدة",
        Word::NewChat => "محادثة جديدة",
        Word::Settings => "الإعدادات",
        Word::CloseWindow => "إغلاق النافذة",
        Word::Cut => "قص",
        Word::Copy => "نسخ",
        Word::Paste => "لصق",
        Word::SelectAll => "تحديد الكل",
        Word::SearchHere => "البحث في هذه المحادثة",
        Word::Search => "بحث",
        Word::SwitchChat => "الانتقال إلى…",
        Word::PreviousChat => "المحادثة السابقة",
        Word::NextChat => "المحادثة التالية",
        Word::PreviousUnread => "المحادثة غير المقروءة السابقة",
        Word::NextUnread => "المحادثة غير المقروءة التالية",
        Word::SidePanel => "اللوحة الجانبية",
        Word::Larger => "تكبير",
        Word::Smaller => "تصغير",
        Word::ActualSize => "الحجم الفعلي",
        Word::Shortcuts => "اختصارات لوحة المفاتيح",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_was_chosen_is_spoken_and_english_otherwise() {
        assert_eq!(words(Some("de-AT"))(Word::Quit), "Parley beenden");
        assert_eq!(words(Some("ar"))(Word::Open), "فتح");
        assert_eq!(words(Some("en_GB"))(Word::Open), "Open");
    }
}
