"""What a store's parts cost and draw, and what its host must carry; from least to most, with what is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import streamlit as st

from storeloom.core.kernel.capacity import needed
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.documents import DocumentError, parse_bytes
from storeloom.core.kernel.errors import DocumentFault
from storeloom.core.kernel.quote import EDGE, Load, Part, Price, Quote, Span, price_book, quote, read_price_book
from storeloom.core.kernel.registry import ROOT
from storeloom.core.kernel.sources import document_finding
from storeloom.studio.chain import api, may, refused, tried
from storeloom.studio.common import draft, faults_shown, say
from storeloom.studio.composing.common import instance_title, kind_title, listed, money_span, present, profile_of, span_text

EXAMPLE_PRICES = ROOT / "examples" / "prices.toml"
KEPT, REFUSED = "prices", "prices/refused"
FITS = {
    "yes": ("green", "check_circle", "fits_yes"),
    "perhaps": ("orange", "help", "fits_perhaps"),
    "no": ("red", "error", "fits_no"),
    "unknown": ("gray", "help", "fits_unknown"),
}


def cost(composition: Composition) -> None:
    """The quote of the bundle in work."""
    profile = profile_of(composition)
    if not profile:
        st.info(say("no_store"))
        return
    prices = _prices()
    made = quote(str(profile.get("store", "")), composition, profile, prices)
    _sums(made)
    _loads(made, composition)
    _parts(made)
    _unknown(made)
    _book()


def _prices() -> Mapping[tuple[str, str], Price]:
    """The price book of this draft, none where it has none."""
    home = draft().home
    rows = home.beside(KEPT) if home else None
    found = [Price(**row) for row in rows or ()]
    return {(row.kind, row.currency): row for row in found}


def _sums(made: Quote) -> None:
    priced, powered = (any(part.cost for part in made.parts), any(part.power_w for part in made.parts))
    cost_words = f"{'' if not made.unpriced and not made.lacking else say('at_least')}{money_span(made.cost, made.currency)}"
    energy_words = f"{'' if not made.unpowered and not made.lacking else say('at_least')}{span_text(made.energy_kwh_year)}"
    with st.container(horizontal=True):
        _sum(say("cost_once"), cost_words if priced else say("unknown"), say("cost_note"))
        _sum(f"{say('energy_year')} (kWh)", energy_words if powered else say("unknown"), say("energy_note"))


def _sum(label: str, words: str, note: str) -> None:
    """A sum with its name; it wraps where a metric of Streamlit's is cut."""
    with st.container(border=True, gap="xxsmall"):
        st.markdown(label, help=note)
        st.markdown(f"**{words}**")


def _loads(made: Quote, composition: Composition) -> None:
    st.markdown(f"**{say('capacity')}**", help=say("capacity_note"))
    for word, load, form in (("cores", made.cores, ".1f"), ("memory_mb", made.memory_mb, ",.0f")):
        _load(word, load, form)
    _, shares = needed(composition.instances)
    found = present(composition)
    with st.expander(say("shares")):
        st.dataframe(
            [
                {
                    say("selected"): instance_title(name, found.get(name)),
                    say("cores"): round(share.cores, 2),
                    say("memory_mb"): round(share.memory_mb),
                }
                for name, share in sorted(shares.items(), key=lambda item: -item[1].memory_mb)
            ],
            hide_index=True,
        )


def _load(word: str, load: Load, form: str) -> None:
    colour, icon, fits = FITS[load.fits]
    have = say("no_host") if load.have is None else say("has", have=format(load.have, form))
    words = f"{say(word)}{say('colon')}{say('needs_span', need=span_text(load.need, form), have=have)}"
    st.markdown(f":{colour}[:material/{icon}: {say(fits)}] {words}")
    if load.have:
        st.progress(min(1.0, load.need.low / load.have))


def _parts(made: Quote) -> None:
    st.markdown(f"**{say('parts')}**")
    st.dataframe(
        [
            {
                say("device_part"): _part_title(part),
                say("count"): part.count,
                f"{say('cost_once')} ({made.currency})": say("unknown") if part.cost is None else money_span(part.cost, made.currency),
                f"{say('power')} (W)": _span(part.power_w),
                f"{say('energy_year')} (kWh)": _span(part.energy_kwh_year),
                say("figures_from"): part.source,
            }
            for part in made.parts
        ],
        hide_index=True,
    )


def _span(span: Span | None) -> str:
    return say("unknown") if span is None else span_text(span)


def _part_title(part: Part) -> str:
    kind, _, driver = part.kind.partition("/")
    title = say("edge_host") if kind == EDGE else kind_title(kind)
    return f"{title} ({driver})" if driver else title


def _unknown(made: Quote) -> None:
    """What the sums leave out."""
    if made.lacking:
        kinds = [say("or").join(map(kind_title, spec.split(" / "))) for spec in made.lacking]
        st.warning(say("lacking_devices", kinds=listed(kinds)))
    unpriced = [_part_title(part) for part in made.parts if part.cost is None]
    if len(unpriced) == len(made.parts):
        st.info(say("no_prices"))
    elif unpriced:
        st.info(say("unpriced", parts=listed(unpriced)))


def _book() -> None:
    """The price book: the example's or one that the reader uploads, kept with the draft."""
    with st.expander(say("price_book"), icon=":material/payments:"):
        st.caption(say("price_book_note"))
        with st.container(horizontal=True, gap="small"):
            st.button(say("example_prices"), key="prices/example", on_click=_example, icon=":material/science:")
            st.download_button(
                say("example_file"),
                EXAMPLE_PRICES.read_bytes() if EXAMPLE_PRICES.is_file() else b"",
                file_name="prices.toml",
                mime="application/toml",
                icon=":material/download:",
                on_click="ignore",
                disabled=not EXAMPLE_PRICES.is_file(),
            )
            if may("designs:read"):
                st.button(say("chain_prices"), key="prices/chain", on_click=_from_chain, icon=":material/cloud_download:")
        refused(REFUSED)
        st.file_uploader(say("upload_prices"), ["toml", "json", "yaml", "yml"], key="prices/file", on_change=_uploaded)


def _example() -> None:
    with faults_shown():
        _keep(read_price_book(EXAMPLE_PRICES))


def _from_chain() -> None:
    """Take over the price book of the chain, as it stands now."""

    def take() -> None:
        rows = [Price(**{field.name: row[field.name] for field in fields(Price)}) for row in api().pages("/prices")]
        _keep({(row.kind, row.currency): row for row in rows})

    tried(REFUSED, take)


def _uploaded() -> None:
    file = st.session_state["prices/file"]
    if file is not None:
        with faults_shown():
            try:
                document = parse_bytes(file.getvalue(), file.name)
            except DocumentError as error:
                raise DocumentFault(document_finding(error)) from error
            _keep(price_book(document))


def _keep(book: Mapping[Any, Price]) -> None:
    draft().put_beside(KEPT, [asdict(row) for row in book.values()])
