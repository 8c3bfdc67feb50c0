// Text for people. Units and digits are those of app/units in Go.

const hard = '\u00a0' // no-break space, before a unit
const minute = 60e3,
  hour = 60 * minute,
  day = 24 * hour
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

function split(v) {
  if (v < 999.5) return [v, '']
  let i = 0
  for (v /= 1000; v >= 999.5 && i < 5; i++) v /= 1000
  return [v, 'kMGTPE'[i]]
}

function scaled(v, unit) {
  const [n, prefix] = split(v)
  const decimals = prefix === '' ? 0 : n < 9.995 ? 2 : n < 99.95 ? 1 : 0
  return n.toFixed(decimals) + hard + prefix + unit
}

// bytes returns "12.3 MB".
export const bytes = n => scaled(n, 'B')

// bits returns bytes per second as "41.5 kbit/s".
export const bits = rate => scaled(rate * 8, 'bit/s')

// tick returns a round number for an axis: "20 Mbit/s".
export function tick(v, unit) {
  const [n, prefix] = split(v)
  return +n.toPrecision(3) + hard + prefix + unit
}

// percent returns part of whole, with one decimal below 10.
export function percent(part, whole) {
  const p = whole > 0 ? (100 * part) / whole : 0
  if (p > 0 && p < 0.1) return '<' + hard + '0.1' + hard + '%'
  return (p > 0 && p < 9.95 ? p.toFixed(1) : p.toFixed(0)) + hard + '%'
}

// many returns "1 device", "2 devices".
export const many = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`

// The API writes times in the zone of the server. All times are shown in that zone, wherever the browser is. A time on the wall
// is a Date whose UTC fields are those of the wall clock in that zone.

let offset = 0 // of the zone of the server, in milliseconds

// setZone takes the zone from a time of the API.
export function setZone(text) {
  offset = wall(text) - Date.parse(text)
}

// wall returns the time on the wall of a time of the API, in milliseconds.
export const wall = text => Date.parse(text.slice(0, 19) + 'Z')

// toWall returns the time on the wall at a moment, in milliseconds since 1970.
export const toWall = ms => ms + offset

const shortMonth = t => months[t.getUTCMonth()].slice(0, 3)
const two = n => String(n).padStart(2, '0')

// clock returns "14:03" of a time on the wall, or "14:03:20".
export function clock(ms, seconds) {
  const t = new Date(ms)
  return two(t.getUTCHours()) + ':' + two(t.getUTCMinutes()) + (seconds ? ':' + two(t.getUTCSeconds()) : '')
}

// date returns "28 Nov" of a time on the wall.
export function date(ms) {
  const t = new Date(ms)
  return t.getUTCDate() + hard + shortMonth(t)
}

// weekday returns "Sat" of a time on the wall.
export const weekday = ms => weekdays[new Date(ms).getUTCDay()]

// month returns "Nov" of a time on the wall, and the year in January.
export function month(ms) {
  const t = new Date(ms)
  return shortMonth(t) + (t.getUTCMonth() === 0 ? ' ' + t.getUTCFullYear() : '')
}

// periodName returns "November" of a billing period that is a month, and otherwise "15 Nov – 14 Dec".
export function periodName({start, end}) {
  const from = wall(start),
    to = wall(end) - day
  const t = new Date(from)
  return t.getUTCDate() === 1 ? months[t.getUTCMonth()] : date(from) + ' – ' + date(to)
}

// moment returns a time of the API as "14:03", "28 Nov 14:03" or "28 Nov 2025", whichever says enough at now; with short "28 Nov"
// for the second.
export function moment(text, now, short) {
  const t = wall(text),
    n = toWall(now)
  if (Math.floor(t / day) === Math.floor(n / day)) return clock(t)
  if (Math.abs(n - t) > 300 * day) return date(t) + hard + new Date(t).getUTCFullYear()
  return short ? date(t) : date(t) + ' ' + clock(t)
}

// ago returns how long ago something was, in the largest unit.
export function ago(seconds) {
  const ms = seconds * 1000
  for (const [unit, name] of [
    [day, 'd'],
    [hour, 'h'],
    [minute, 'min'],
    [1000, 's'],
  ]) {
    if (ms >= unit && ms >= 10e3) return Math.floor(ms / unit) + hard + name + ' ago'
  }
  return 'now'
}

const sources = {
  file: 'your hosts file',
  ptr: 'DNS',
  dhcp: 'DHCP',
  mdns: 'mDNS',
  service: 'an mDNS service',
  llmnr: 'LLMNR',
  netbios: 'NetBIOS',
}

// source returns where a name is from, or "".
export const source = name => sources[name] ?? ''
