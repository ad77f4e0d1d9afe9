/** People and rights of a case: its head, who is let in, hand-over, approval, hold, how long it is kept, its end. */

import { ask, form, request } from "../core/api.js";
import { ConfirmTyped } from "../core/confirm.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { Icon } from "../core/icons.js";
import { listed, moment, t } from "../core/words.js";
import { go } from "../shell/state.js";
import { mayOwn, namesOf } from "./model.js";
import { BasisField } from "./new.js";
import { dated } from "./parts.js";
import { casePath, casing } from "./state.js";
import { reason, refresh, tell, use } from "./work.js";

/** @typedef {import("../core/types.js").Case} Case */

const typed = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;
const namesIn = (/** @type {Case} */ of, /** @type {string} */ part) => of.people.filter((person) => person.part === part).map(({ name }) => name);

/** Does something to a case, and tells how it went. @param {() => Promise<unknown>} work @param {string} done */
async function carried(work, done) {
  let fine = true;
  try {
    await work();
    tell(done);
    void refresh();
  } catch (error) {
    fine = false;
    tell(reason(error), { bad: true });
  }
  casing.set((state) => ({ changes: state.changes + 1 }));
  return fine;
}

/** @param {string} id @param {Record<string, unknown>} fields */
const change = (id, fields) => carried(() => ask(casePath(id), { method: "PATCH", body: form(fields) }), t("rights.saved"));

/** @param {{ of: Case }} props */
export function Rights({ of }) {
  const owns = mayOwn(of);
  return html`<div class="rights">
    ${owns ? html`<${HeadForm} of=${of} />` : ""}
    <section class="box" aria-labelledby="rights-people"><h2 id="rights-people">${t("rights.people")}</h2>
      ${owns
        ? html`<${PeopleForm} of=${of} />`
        : html`<dl class="facts"><div><dt>${t("cases.owner")}</dt><dd>${of.owner}</dd></div><div><dt>${t("rights.workers")}</dt><dd>${listed(namesIn(of, "worker")) || "–"}</dd></div><div><dt>${t("rights.readers")}</dt><dd>${listed(namesIn(of, "reader")) || "–"}</dd></div></dl>`}</section>
    ${owns && html`<${OwnerForm} of=${of} />`}
    ${of.approval && html`<section class="box" aria-labelledby="rights-approval"><h2 id="rights-approval">${t("approval")}</h2><p>${approvalText(of)}</p></section>`}
    <${Hold} of=${of} />
    <section class="box" aria-labelledby="rights-keep"><h2 id="rights-keep">${t("rights.keep")}</h2><p>${t("rights.keep.until", { time: dated(of.keep_until) })}</p>${owns && html`<${KeepForm} of=${of} />`}</section>
    ${owns && html`<${End} of=${of} />`}
  </div>`;
}

/** @param {Case} of */
function approvalText({ approval, owner }) {
  if (!approval) return "";
  if (approval.refused_at) return t("approval.was.refused", { who: approval.who ?? "", time: moment(approval.refused_at) });
  if (approval.at) return t("approval.was.given", { who: approval.who ?? "", time: moment(approval.at) });
  return t("case.waits", { who: approval.approver ?? t("case.anyone"), time: moment(approval.asked_at), owner });
}

/** A text that follows the case as long as nobody types another one. @param {string} value @returns {[string, (value: string) => void]} */
function useDraft(value) {
  const [draft, setDraft] = useState(value);
  const known = useRef(value);
  useEffect(() => {
    if (draft === known.current) setDraft(value);
    known.current = value;
  }, [value]);
  return [draft, setDraft];
}

/** @param {{ id: string, label: string, value: string, most?: number, note?: string, onInput: (value: string) => void }} props */
const Field = ({ id, label, value, most = 200, note = "", onInput }) => html`<div class="field"><label class="label" for=${id}>${label}</label>
  <input id=${id} maxlength=${most} autocomplete="off" value=${value} aria-describedby=${note ? `${id}-note` : undefined} onInput=${(/** @type {Event} */ event) => onInput(typed(event))} />${note && html`<p class="note" id=${`${id}-note`}>${note}</p>`}</div>`;

const saves = (/** @type {() => unknown} */ work) => (/** @type {Event} */ event) => {
  event.preventDefault();
  void work();
};

/** @param {{ of: Case }} props */
function HeadForm({ of }) {
  const [title, setTitle] = useDraft(of.title);
  const [purpose, setPurpose] = useDraft(of.purpose);
  const [basis, setBasis] = useDraft(of.basis);
  return html`<section class="box" aria-labelledby="rights-head"><h2 id="rights-head">${t("rights.head")}</h2>
    <form noValidate onSubmit=${saves(() => change(of.id, { title, purpose, ...(basis === of.basis ? {} : { basis }) }))}>
      <${Field} id="head-title" label=${t("new.title")} value=${title} onInput=${setTitle} />
      <${Field} id="head-purpose" label=${t("case.purpose")} value=${purpose} most=${500} onInput=${setPurpose} />
      <div class="field"><${BasisField} id="head-basis" value=${basis} onChange=${setBasis} /></div>
      <p class="buttons"><button type="submit">${t("rights.save")}</button></p>
    </form></section>`;
}

/** @param {{ of: Case }} props */
function PeopleForm({ of }) {
  const [workers, setWorkers] = useDraft(namesIn(of, "worker").join(", "));
  const [readers, setReaders] = useDraft(namesIn(of, "reader").join(", "));
  const all = (/** @type {string} */ text) => (namesOf(text).length ? namesOf(text) : [""]);
  return html`<form noValidate onSubmit=${saves(() => change(of.id, { workers: all(workers), readers: all(readers) }))}>
    <${Field} id="people-workers" label=${t("rights.workers")} value=${workers} most=${2000} note=${t("new.workers.note")} onInput=${setWorkers} />
    <${Field} id="people-readers" label=${t("rights.readers")} value=${readers} most=${2000} note=${t("new.readers.note")} onInput=${setReaders} />
    <p class="buttons"><button type="submit">${t("rights.save")}</button></p>
  </form>`;
}

/** @param {{ of: Case }} props */
function OwnerForm({ of }) {
  const [owner, setOwner] = useState("");
  const hand = async () => {
    if (!owner.trim()) return document.getElementById("owner-name")?.focus();
    await change(of.id, { owner: owner.trim() });
    setOwner("");
    return undefined;
  };
  return html`<section class="box" aria-labelledby="rights-owner"><h2 id="rights-owner">${t("rights.owner")}</h2>
    <p>${t("rights.owner.is", { owner: of.owner })}</p>
    <form noValidate onSubmit=${saves(hand)}>
      <${Field} id="owner-name" label=${t("rights.owner.to")} value=${owner} note=${t("rights.owner.note")} onInput=${setOwner} />
      <p class="buttons"><button type="submit">${t("rights.owner.go")}</button></p>
    </form></section>`;
}

/** @param {{ of: Case }} props */
function Hold({ of }) {
  const [why, setWhy] = useState("");
  const [lack, setLack] = useState(false);
  const [sure, setSure] = useState(false);
  const rules = of.access === "administer";
  const hold = () => {
    setLack(!why.trim());
    if (!why.trim()) return document.getElementById("hold-why")?.focus();
    return carried(() => ask(casePath(of.id, "/hold"), { method: "PUT", body: form({ reason: why }) }), t("hold.put")).then((fine) => fine && setWhy(""));
  };
  const lift = () => carried(() => ask(casePath(of.id, "/hold"), { method: "DELETE" }), t("hold.lifted")).then(() => setSure(false));
  return html`<section class="box" aria-labelledby="rights-hold"><h2 id="rights-hold"><${Icon} name="shield" /> ${t("case.hold")}</h2>
    <p>${of.hold ? html`${t("case.hold.since", { time: dated(of.hold.at), who: of.hold.who })}. ${t("case.hold.why", { why: of.hold.why })}` : t("hold.what")}</p>
    ${!rules && html`<p class="note">${t("hold.who")}</p>`}
    ${rules && !of.hold && html`<form noValidate onSubmit=${saves(hold)}>
      <${Field} id="hold-why" label=${t("hold.reason")} value=${why} most=${1000} onInput=${(/** @type {string} */ value) => (setWhy(value), setLack(false))} />${lack && html`<p class="problem" role="alert">${t("hold.need")}</p>`}
      <p class="buttons"><button type="submit">${t("hold.go")}</button></p></form>`}
    ${rules && of.hold && html`<p class="buttons"><button type="button" aria-expanded=${sure} onClick=${() => setSure(!sure)}>${t("hold.lift")}</button></p>
      ${sure && html`<p>${t("hold.lift.what")}</p><p class="buttons"><button type="button" class="danger" onClick=${lift}>${t("hold.lift.go")}</button></p>`}`}
  </section>`;
}

/** @param {{ of: Case }} props */
function KeepForm({ of }) {
  const [days, setDays] = useState("");
  const [lack, setLack] = useState(false);
  const keep = () => {
    const fits = Number.isInteger(Number(days)) && Number(days) >= 1 && Number(days) <= 36500;
    setLack(!fits);
    if (!fits) return document.getElementById("keep-days")?.focus();
    return change(of.id, { keep_days: days.trim() }).then((fine) => fine && setDays(""));
  };
  return html`<form noValidate onSubmit=${saves(keep)}>
    <${Field} id="keep-days" label=${t("rights.keep.days")} value=${days} onInput=${(/** @type {string} */ value) => (setDays(value), setLack(false))} />${lack && html`<p class="problem" role="alert">${t("new.need.days")}</p>`}
    <p class="buttons"><button type="submit">${t("rights.save")}</button></p></form>`;
}

/** @param {{ of: Case }} props */
function End({ of }) {
  const [busy, setBusy] = useState(false);
  const refused = Boolean(of.approval?.refused_at);
  const remove = async () => {
    setBusy(true);
    try {
      await request(casePath(of.id), { method: "DELETE" });
      if (casing.get().id === of.id) await use("");
      go("#/cases");
      casing.set((state) => ({ changes: state.changes + 1 }));
      tell(t("end.deleted", { number: of.number }));
    } catch (error) {
      setBusy(false);
      tell(reason(error), { bad: true });
    }
  };
  return html`<section class="box" aria-labelledby="rights-end"><h2 id="rights-end">${t("end.title")}</h2>
    <p>${t(of.closed_at ? "end.closed" : "end.open", { time: of.closed_at ? dated(of.closed_at) : "" })}</p>
    ${!refused && html`<p class="buttons"><button type="button" onClick=${() => change(of.id, { closed: of.closed_at ? "false" : "true" })}>${t(of.closed_at ? "end.reopen" : "end.close")}</button></p>`}
    <h3>${t("end.delete")}</h3>
    ${of.hold ? html`<p>${t("end.held")}</p>` : html`<p>${t("end.delete.what", { pictures: t("end.pictures", { n: of.pictures.length }) })}</p><${ConfirmTyped} word=${t("end.word", { number: of.number })} busy=${busy} onConfirm=${remove}>${t("end.delete.go")}<//>`}
  </section>`;
}
