// The SMS that each phone has sent: remembered while the tab is open, a reload included.

const KEPT_AS = "jasho.sent";
const MOST_KEPT = 20; // of each phone
const HIDDEN = "•";

export class Sent {
  #byPhone = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "{}");

  /** The phone's (E.164) sent messages, oldest first: {body, received_at}, the moment by the service's clock. */
  by(phone) {
    return this.#byPhone[phone] ?? [];
  }

  add(phone, message) {
    this.#byPhone[phone] = [...this.by(phone), message].slice(-MOST_KEPT);
    const kept = (key, value) => (key === "body" ? withoutSecrets(value) : value);
    sessionStorage.setItem(KEPT_AS, JSON.stringify(this.#byPhone, kept));
  }
}

/** Has one of these messages given this code? After a reload nobody can tell which one it was: then any counts. */
export function hasGiven(messages, code) {
  return messages.some(({ body }) => body.includes(code) || body.includes(HIDDEN.repeat(code.length)));
}

// Four digits may be a PIN, whatever was meant by them: the page shows them until it is left, and nothing keeps them.
function withoutSecrets(body) {
  const isNothingElse = body.match(/\d/g)?.length === 4;
  return body.replace(isNothingElse ? /\d/g : /(?<!\d)\d{4}(?!\d)/g, (digits) => HIDDEN.repeat(digits.length));
}
