// Who and what the main scene is made of, as data: once in English, once in Arabic.

import type { ChatKind, Delivery, PresenceState, Route } from "../types";

export interface CastPerson {
  key: string;
  name: string;
  tint: number;
  presence: PresenceState;
  /** Days ago and time at which they were last seen. */
  seen?: [number, string];
  route?: Route;
  roundTrip?: number;
}

/** Days ago, time, who (`me` for oneself), what. */
export interface CastLine {
  day?: number;
  at: string;
  who: string;
  text: string;
  edited?: boolean;
  deleted?: boolean;
  state?: Delivery["state"];
  reason?: string;
  reply?: number;
  mentions?: string[];
  reactions?: [string, string[]][];
  route?: Route;
  /** It is no message: for so many seconds messages are kept from then on. */
  keeps?: number;
}

export interface CastChat {
  key: string;
  kind: ChatKind;
  name: string;
  tint: number;
  description?: string;
  members: string[];
  admins?: string[];
  owner?: string;
  count?: number;
  unread?: number;
  pinned?: boolean;
  muted?: boolean;
  archived?: boolean;
  draft?: string;
  lines: CastLine[];
}

export interface Cast {
  me: { name: string; tint: number };
  relay: string;
  people: CastPerson[];
  chats: CastChat[];
  listed: Omit<CastChat, "lines">[];
  topics: [string, string][];
}

const CODE = '```\nparley send mara "$(tides --next)"\n```';
const NINETY_DAYS = 90 * 86_400;
const LONG_LINK =
  "https://parts.example.org/catalogue/2025/bottom-brackets/threaded/english/68mm/long-reach-with-an-address-that-never-ends.html";

export const ENGLISH: Cast = {
  me: { name: "Noor", tint: 6 },
  relay: "Harbour relay",
  people: [
    { key: "mara", name: "Mara", tint: 0, presence: "online", route: "lan", roundTrip: 2_100 },
    { key: "ben", name: "Ben", tint: 3, presence: "online", route: "lan", roundTrip: 3_000 },
    { key: "ines", name: "Ines", tint: 7, presence: "online", route: "direct", roundTrip: 24_000 },
    { key: "lena", name: "Lena", tint: 5, presence: "online", route: "turn", roundTrip: 88_000 },
    { key: "olga", name: "Olga", tint: 2, presence: "online", route: "relay" },
    { key: "yusuf", name: "Yusuf", tint: 5, presence: "offline", seen: [0, "11:20"], route: "relay" },
    { key: "jonas", name: "Jonas", tint: 4, presence: "away", seen: [0, "13:10"], route: "relay" },
    { key: "fatima", name: "فاطمة", tint: 6, presence: "online", route: "relay" },
    { key: "priya", name: "Priya", tint: 1, presence: "offline", seen: [1, "18:40"], route: "relay" },
    { key: "tomasz", name: "Tomasz", tint: 1, presence: "offline", seen: [18, "16:44"], route: "relay" },
    { key: "harriet", name: "Harriet", tint: 7, presence: "offline", seen: [3, "09:12"], route: "relay" },
    { key: "greg", name: "Grzegorz Brzęczyszczykiewicz-Wojciechowski", tint: 5, presence: "offline", route: "relay" },
  ],
  chats: [
    {
      key: "mara",
      kind: "direct",
      name: "Mara",
      tint: 0,
      members: ["me", "mara"],
      pinned: true,
      unread: 2,
      lines: [
        { day: 7, at: "09:40", who: "mara", text: "The new harbour fees are out, they start in January" },
        { day: 7, at: "09:52", who: "me", text: "More than last year?", state: "read" },
        { day: 7, at: "09:53", who: "mara", text: "Four percent. The pump-out is free now." },
        { day: 1, at: "18:20", who: "mara", text: "I oiled the tiller, please leave it out of the sun" },
        { day: 1, at: "18:31", who: "me", text: "Will do. Can you send me the tide table again?", state: "read" },
        { at: "13:52", who: "mara", text: "The new mast fits under the bridge. By a hand." },
        { at: "13:55", who: "me", text: "Can you send me the tide table again?", state: "read" },
        {
          at: "13:58",
          who: "mara",
          text: "tides.example.org/november, low water is at 11:42",
          reply: 6,
          edited: true,
        },
        { at: "14:01", who: "me", text: "That is closer than I hoped", state: "read", route: "lan" },
        { at: "14:12", who: "me", text: CODE, state: "delivered", route: "lan" },
        {
          at: "14:29",
          who: "mara",
          text: "Tried it, worked on the first go",
          reactions: [
            ["👍", ["me"]],
            ["⛵", ["mara"]],
          ],
        },
        { at: "14:31", who: "mara", text: "Are we still on for Saturday, or does the wind decide?" },
        { at: "14:33", who: "me", text: "Wind decides. I’ll know by noon tomorrow.", state: "waiting", route: "lan" },
      ],
    },
    {
      key: "street",
      kind: "group",
      name: "Harbour Street 12",
      tint: 1,
      description: "The house, the cellar, the stairs.",
      members: ["me", "ben", "ines", "lena", "olga", "yusuf"],
      admins: ["ben"],
      owner: "me",
      pinned: true,
      unread: 3,
      lines: [
        { at: "14:01", who: "lena", text: "The letter from the water works is in the hallway, second shelf." },
        { at: "14:02", who: "lena", text: "They need someone at home between eight and ten." },
        {
          at: "14:11",
          who: "ben",
          text: "I can open the door, I work from home on Thursday.",
          reply: 1,
          reactions: [
            ["🙏", ["ines", "olga", "lena"]],
            ["👍", ["me", "yusuf"]],
          ],
        },
        { at: "14:13", who: "me", text: "Thank you, Ben. I put it on the board.", state: "delivered", route: "relay" },
        { at: "14:15", who: "ben", text: "", keeps: NINETY_DAYS },
        { at: "14:18", who: "olga", text: "The light in the cellar is out again." },
        { at: "14:19", who: "olga", text: "I have a spare tube, who has the ladder?" },
        {
          at: "14:20",
          who: "ben",
          text: "@Noor, the plumber comes on Thursday at eight. Can you leave the cellar key with me?",
          mentions: ["me"],
        },
      ],
    },
    {
      key: "jonas",
      kind: "direct",
      name: "Jonas",
      tint: 4,
      members: ["me", "jonas"],
      draft: "About the key for the boathouse",
      lines: [
        { day: 18, at: "11:05", who: "jonas", text: "Left the trailer at the harbour, key is under the" },
        { day: 18, at: "11:06", who: "jonas", text: "bench" },
        { day: 1, at: "19:03", who: "jonas", text: "Did you see the weather for the weekend?" },
        { day: 1, at: "19:05", who: "jonas", text: "Four days of north-east, and then it turns" },
        { day: 1, at: "19:12", who: "me", text: "Seen it. Cold, but dry.", state: "read" },
        { at: "12:45", who: "jonas", text: "The boathouse is open on Saturday, I asked the harbour master." },
        { at: "12:47", who: "jonas", text: "He wants the list of boats until Friday noon." },
        { at: "12:52", who: "me", text: "You get it tomorrow morning.", state: "read" },
        {
          at: "13:05",
          who: "jonas",
          text: "Good. And bring the long ladder, the short one is a joke",
          reactions: [["😂", ["me"]]],
        },
      ],
    },
    {
      key: "bikes",
      kind: "public_channel",
      name: "bike-repair",
      tint: 3,
      description: "Parts, tools and advice for everything with two wheels.",
      members: ["me", "ines", "fatima", "greg"],
      owner: "ines",
      count: 214,
      muted: true,
      unread: 28,
      lines: [
        ...Array.from({ length: 22 }, (_, index): CastLine => ({
          at: `10:${String(10 + index).padStart(2, "0")}`,
          who: ["ines", "greg", "fatima"][index % 3]!,
          text: ["A tube patch needs a rough ground.", "Which chain tool do you use?", "There are two in the shed."][
            index % 3
          ]!,
        })),
        { at: "12:31", who: "ines", text: `Manual: ${LONG_LINK}` },
        { at: "12:40", who: "fatima", text: "عندي مفتاح محور 32 مم، يمكنك أخذه من المحل غدًا بعد الخامسة" },
        {
          at: "12:44",
          who: "greg",
          text: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        },
        { at: "12:45", who: "me", text: "", deleted: true, state: "sent" },
        { at: "12:46", who: "ines", text: "🚲🔧" },
        { at: "12:46", who: "greg", text: "The square taper is worn, it needs a new axle." },
        { at: "12:47", who: "ines", text: "Has anyone a 32 mm axle spanner to lend until Monday?" },
      ],
    },
    {
      key: "allotment",
      kind: "group",
      name: "Allotment association, northern section",
      tint: 2,
      members: ["me", "olga", "tomasz", "priya", "jonas"],
      owner: "olga",
      lines: [
        { day: 1, at: "16:02", who: "tomasz", text: "The water is off from Monday." },
        { at: "11:30", who: "olga", text: "The autumn leaves go behind the shed, not on the path" },
      ],
    },
    {
      key: "fatima",
      kind: "direct",
      name: "فاطمة",
      tint: 6,
      members: ["me", "fatima"],
      unread: 1,
      lines: [
        { at: "10:40", who: "me", text: "وصلت الرسالة؟", state: "read" },
        { at: "10:58", who: "fatima", text: "شكرًا، وصلت الرسالة كاملة" },
      ],
    },
    {
      key: "yusuf",
      kind: "direct",
      name: "Yusuf",
      tint: 5,
      members: ["me", "yusuf"],
      lines: [
        { day: 1, at: "17:10", who: "yusuf", text: "The train is on time" },
        { day: 1, at: "17:12", who: "me", text: "See you at the station, platform 4", state: "delivered" },
      ],
    },
    {
      key: "board",
      kind: "private_channel",
      name: "board",
      tint: 7,
      members: ["me", "priya", "olga"],
      owner: "priya",
      lines: [{ day: 1, at: "15:44", who: "priya", text: "Minutes of the autumn meeting are in" }],
    },
    {
      key: "tomasz",
      kind: "direct",
      name: "Tomasz",
      tint: 1,
      members: ["me", "tomasz"],
      lines: [
        { day: 18, at: "16:20", who: "me", text: "How is the search for the workshop going?", state: "read" },
        { day: 18, at: "16:44", who: "tomasz", text: "Slowly. Two were damp and one was a garage with a curtain" },
        {
          day: 2,
          at: "17:29",
          who: "tomasz",
          text: "We can have the room over the bakery from December, 64 m², north light.",
        },
        { day: 2, at: "17:31", who: "tomasz", text: "Rent is 480 with heating. I said we answer by Sunday." },
        {
          day: 2,
          at: "17:40",
          who: "me",
          text: "That is good news. I’ll ask the others and measure the door for the press.",
          state: "delivered",
        },
        {
          day: 2,
          at: "18:06",
          who: "me",
          text: "The floor plan for the workshop, with the press by the window and the paper store where it stays dry.",
          state: "failed",
          reason: "Tomasz already has 2,000 messages waiting, the relay’s limit.",
        },
      ],
    },
    {
      key: "flea",
      kind: "group",
      name: "Flea market in May",
      tint: 4,
      members: ["me", "lena", "ines"],
      owner: "lena",
      archived: true,
      lines: [{ day: 190, at: "20:15", who: "lena", text: "Everything sold but the lamp" }],
    },
  ],
  listed: [
    {
      key: "harbour-master",
      kind: "public_channel",
      name: "harbour-master",
      tint: 3,
      members: ["jonas"],
      owner: "jonas",
      count: 96,
      description: "Berths, bridge times, warnings.",
    },
    {
      key: "harvest-swap",
      kind: "public_channel",
      name: "harvest-swap",
      tint: 2,
      members: ["olga"],
      owner: "olga",
      count: 41,
      description: "Too many courgettes.",
    },
  ],
  topics: [
    ["tram-9", "Ends at Market Square until 16:00"],
    ["harbour-wind", "5.1 m/s, west"],
    ["lock-gate", "Opens for boats at 15:10"],
  ],
};

export const ARABIC: Cast = {
  me: { name: "نور", tint: 6 },
  relay: "مرحّل الميناء",
  people: [
    { key: "mara", name: "مريم", tint: 0, presence: "online", route: "lan", roundTrip: 2_100 },
    { key: "sami", name: "سامي", tint: 3, presence: "online", route: "lan", roundTrip: 3_000 },
    { key: "enas", name: "إيناس", tint: 7, presence: "online", route: "direct", roundTrip: 24_000 },
    { key: "jonas", name: "يوسف", tint: 4, presence: "away", route: "relay", seen: [0, "13:10"] },
    { key: "ben", name: "Ben", tint: 6, presence: "online", route: "relay" },
    { key: "rana", name: "رنا", tint: 5, presence: "offline", route: "relay", seen: [0, "11:20"] },
    { key: "huda", name: "هدى", tint: 1, presence: "offline", route: "relay" },
    { key: "tarek", name: "طارق", tint: 1, presence: "offline", route: "relay", seen: [18, "16:44"] },
  ],
  chats: [
    {
      key: "mara",
      kind: "direct",
      name: "مريم",
      tint: 0,
      members: ["me", "mara"],
      pinned: true,
      unread: 2,
      lines: [
        { at: "13:52", who: "mara", text: "الصاري الجديد يمرّ تحت الجسر، بفارق كفّ." },
        { at: "13:55", who: "me", text: "هل ترسلين لي جدول المدّ مرة أخرى؟", state: "read" },
        {
          at: "13:58",
          who: "mara",
          text: "tides.example.org/november، أدنى الجَزر 11:42",
          reply: 1,
          edited: true,
        },
        { at: "14:01", who: "me", text: "أقرب مما كنت أتوقع", state: "read" },
        { at: "14:12", who: "me", text: CODE.replace("mara", "maryam"), state: "delivered" },
        {
          at: "14:29",
          who: "mara",
          text: "جرّبته ونجح من أول مرة",
          reactions: [
            ["👍", ["me"]],
            ["⛵", ["mara"]],
          ],
        },
        { at: "14:31", who: "mara", text: "هل موعدنا يوم السبت قائم، أم أن القرار للريح؟" },
        { at: "14:33", who: "me", text: "القرار للريح. سأعرف غدًا قبل الظهر.", state: "waiting" },
      ],
    },
    {
      key: "street",
      kind: "group",
      name: "بناية شارع الميناء 12",
      tint: 1,
      members: ["me", "sami", "enas", "rana"],
      owner: "me",
      pinned: true,
      unread: 3,
      lines: [
        { at: "14:15", who: "sami", text: "", keeps: NINETY_DAYS },
        { at: "14:18", who: "enas", text: "انطفأ ضوء القبو مرة أخرى." },
        { at: "14:19", who: "enas", text: "من عنده السلّم؟" },
        { at: "14:20", who: "sami", text: "@نور، السبّاك يأتي يوم الخميس في الثامنة", mentions: ["me"] },
      ],
    },
    {
      key: "jonas",
      kind: "direct",
      name: "يوسف",
      tint: 4,
      members: ["me", "jonas"],
      draft: "بخصوص مفتاح بيت القوارب",
      lines: [{ at: "13:05", who: "jonas", text: "أحضر السلّم الطويل، القصير مزحة" }],
    },
    {
      key: "bikes",
      kind: "public_channel",
      name: "تصليح-الدراجات",
      tint: 3,
      members: ["me", "enas"],
      owner: "enas",
      count: 214,
      muted: true,
      unread: 28,
      lines: Array.from({ length: 28 }, (_, index): CastLine => ({
        at: `12:${String(20 + index).padStart(2, "0")}`,
        who: "enas",
        text: "هل عند أحدكم مفتاح محور 32 مم للإعارة حتى الاثنين؟",
      })),
    },
    {
      key: "allotment",
      kind: "group",
      name: "جمعية حدائق الحي الشمالي والميناء القديم",
      tint: 2,
      members: ["me", "huda", "tarek"],
      owner: "huda",
      lines: [{ at: "11:30", who: "huda", text: "أوراق الخريف خلف السقيفة لا على الممر" }],
    },
    {
      key: "ben",
      kind: "direct",
      name: "Ben",
      tint: 6,
      members: ["me", "ben"],
      unread: 1,
      lines: [{ at: "10:58", who: "ben", text: "The parcel is at the front desk" }],
    },
    {
      key: "rana",
      kind: "direct",
      name: "رنا",
      tint: 5,
      members: ["me", "rana"],
      lines: [{ day: 1, at: "17:12", who: "me", text: "نلتقي في المحطة، الرصيف 4", state: "delivered" }],
    },
    {
      key: "board",
      kind: "private_channel",
      name: "الإدارة",
      tint: 7,
      members: ["me", "huda"],
      owner: "huda",
      lines: [{ day: 1, at: "15:44", who: "huda", text: "محضر اجتماع الخريف جاهز" }],
    },
    {
      key: "tomasz",
      kind: "direct",
      name: "طارق",
      tint: 1,
      members: ["me", "tarek"],
      lines: [
        { day: 2, at: "17:31", who: "tarek", text: "الإيجار 480 مع التدفئة" },
        {
          day: 2,
          at: "18:06",
          who: "me",
          text: "مخطط الورشة",
          state: "failed",
          reason: "لدى طارق 2,000 رسالة في الانتظار، وهو حدّ المرحّل.",
        },
      ],
    },
  ],
  listed: [],
  topics: [
    ["ترام-9", "ينتهي عند ساحة السوق"],
    ["ريح-الميناء", "5.1 م/ث، غربية"],
    ["بوابة-الميناء", "تُفتح للقوارب في 15:10"],
  ],
};
