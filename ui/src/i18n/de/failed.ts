export default {
  unreachable: "Das Relay ist gerade nicht zu erreichen. Versuche es gleich noch einmal.",
  signed_out: "Du bist abgemeldet. Melde dich wieder an, um weiterzumachen.",
  profile_in_use: "Ein anderes Parley hat dieses Profil offen. Schließ es dort und versuche es dann noch einmal.",
  keychain:
    "Der Schlüsselbund des Systems ist gesperrt oder nicht zu lesen. Entsperre ihn und versuche es dann noch einmal.",
  storage:
    "Das Profil ließ sich nicht schreiben oder lesen. Nichts ist verloren; schaff Platz oder prüfe den Datenträger und versuche es dann noch einmal.",
  closed: "Parley ist hier stehen geblieben. Öffne es wieder, um weiterzumachen.",
  refused: "Deine Rolle in diesem Chat erlaubt das nicht.",
  gone: "Diesen Chat gibt es nicht mehr.",
  later: "Das Relay kann das gerade nicht annehmen. Versuche es gleich noch einmal.",
  internal: "Das Relay hat einen Fehler. Versuche es gleich noch einmal.",
  not_found: "Das ist hier nicht zu finden; vielleicht gibt es das nicht mehr.",
  invalid: "So lässt sich das nicht machen. Vielleicht ist etwas zu lang, fehlt oder hat sich inzwischen geändert.",
  too_large: "Das ist größer, als das Relay annimmt. Kürze es und versuche es dann noch einmal.",
  conflict: "Das gibt es schon, oder es hat sich inzwischen geändert. Sieh nach und versuche es dann noch einmal.",
  limit: "Das ist mehr, als das Relay auf einmal zulässt. Versuche es mit weniger.",
  quota: "Das Relay hat gerade keinen Platz für mehr. Versuche es später noch einmal.",
  system: "Das System konnte das nicht tun. Versuche es noch einmal.",
  otherwise: "Das hat nicht geklappt. Versuche es noch einmal.",
};
