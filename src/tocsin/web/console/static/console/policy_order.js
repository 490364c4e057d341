"use strict";

// The list of policies: rows are dragged to their place by a grip, and the new order is saved in one request. Without
// script, and by keyboard, the buttons beside it move them. Either loads the list again: it stands where it stood, and
// the button that was pressed has the focus, so that it can be pressed again.
(() => {
  const KEPT = "tocsin-policy-moved";
  const EDGE = 56;

  const keep = (pressed) => sessionStorage.setItem(KEPT, JSON.stringify({ top: window.scrollY, pressed }));

  function comeBack(buttons) {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    sessionStorage.removeItem(KEPT);
    if (!kept) return;
    window.scrollTo({ top: kept.top, behavior: "instant" });
    buttons.find((button) => button.getAttribute("formaction") === kept.pressed)?.focus();
  }

  class Order {
    constructor(table, places) {
      this.bodies = table.tBodies.length > 1;
      this.places = places;
      this.table = table;
      for (const place of places) {
        const grip = place.querySelector("[data-grip]");
        grip.hidden = false;
        grip.addEventListener("pointerdown", (event) => this.take(event, place));
      }
    }

    rowOf(place) {
      return place.closest(this.bodies ? "tbody" : "tr");
    }

    order() {
      return [...this.table.querySelectorAll("[data-place]")].map((place) => place.dataset.place);
    }

    take(event, place) {
      if (event.button) return;
      event.preventDefault();
      const row = this.rowOf(place);
      const before = this.order();
      const rows = before.map((id) => this.rowOf(this.places.find((one) => one.dataset.place === id)));
      const move = (moved) => this.follow(row, moved.clientY);
      const key = (pressed) => pressed.key === "Escape" && stop(false);
      const drop = () => stop(true);
      const cancel = () => stop(false);
      const stop = (keeps) => {
        row.classList.remove("tc-dragged");
        for (const [name, listener] of heard) document.removeEventListener(name, listener);
        if (!keeps) rows.forEach((one) => one.parentElement.append(one));
        else this.save(place, before);
      };
      // Of the document: a pointer that the grip has captured is lost when its row moves.
      const heard = [["pointermove", move], ["pointerup", drop], ["pointercancel", cancel], ["keydown", key]];
      for (const [name, listener] of heard) document.addEventListener(name, listener);
      row.classList.add("tc-dragged");
    }

    follow(row, y) {
      if (y < EDGE) window.scrollBy(0, y - EDGE);
      if (y > window.innerHeight - EDGE) window.scrollBy(0, y - window.innerHeight + EDGE);
      const others = this.order().map((id) => this.rowOf(this.places.find((one) => one.dataset.place === id)));
      for (const other of others) {
        if (other === row) continue;
        const box = other.getBoundingClientRect();
        if (y >= box.top && y <= box.bottom) {
          const isBelow = y > box.top + box.height / 2;
          other[isBelow ? "after" : "before"](row);
          return;
        }
      }
    }

    save(place, before) {
      const after = this.order();
      if (after.join() === before.join()) return;
      const form = document.createElement("form");
      form.method = "post";
      form.action = place.dataset.orderUrl + window.location.search; // back to the list as it was
      const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
      for (const [name, value] of [["csrfmiddlewaretoken", token], ["before", before], ["after", after]]) {
        const input = document.createElement("input");
        input.type = "hidden";
        input.name = name;
        input.value = String(value);
        form.append(input);
      }
      document.body.append(form);
      keep("");
      form.submit();
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const places = [...document.querySelectorAll("[data-place]")];
    const buttons = places.flatMap((place) => [...place.querySelectorAll("button")]);
    for (const button of buttons) button.addEventListener("click", () => keep(button.getAttribute("formaction")));
    window.addEventListener("load", () => requestAnimationFrame(() => comeBack(buttons))); // when others are done
    const numbers = places.map((place) => Number(place.dataset.position));
    const isInOrder = numbers.every((number, at) => !at || numbers[at - 1] < number); // and not by name, say
    if (places.length > 1 && isInOrder) new Order(places[0].closest("table"), places);
  });
})();
