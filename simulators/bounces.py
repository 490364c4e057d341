"""Mail that comes back, as mail servers write it: Postfix, Exim, Exchange, qmail, and answers of machines."""

from __future__ import annotations

from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText


def report(
    to: str,
    *,
    recipient: str = "ann@example.org",
    action: str = "failed",
    status: str = "5.1.1",
    said: str = "smtp; 550 5.1.1 <ann@example.org>: Recipient address rejected: User unknown",
) -> bytes:
    """RFC 3464, as Postfix has it, to the return address `to`."""
    mail = MIMEMultipart("report")
    mail.set_param("report-type", "delivery-status")
    mail["From"] = "MAILER-DAEMON@mail.example.org (Mail Delivery System)"
    mail["To"] = to
    mail["Subject"] = "Undelivered Mail Returned to Sender"
    mail["Auto-Submitted"] = "auto-replied"
    mail.attach(MIMEText("I'm sorry to have to inform you that your message could not be delivered."))
    machine = Message()
    machine["Reporting-MTA"] = "dns; mail.example.org"
    person = Message()
    person["Final-Recipient"] = f"rfc822; {recipient}"
    person["Action"] = action
    person["Status"] = status
    person["Diagnostic-Code"] = said
    status_part = Message()
    status_part["Content-Type"] = "message/delivery-status"
    status_part.set_payload([machine, person])
    mail.attach(status_part)
    return mail.as_bytes()


def qmail(to: str, *, recipient: str = "ann@example.org") -> bytes:
    mail = EmailMessage()
    mail["From"] = "MAILER-DAEMON@example.org"
    mail["To"] = to
    mail["Subject"] = "failure notice"
    mail.set_content(
        "Hi. This is the qmail-send program at example.org.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n\n"
        f"<{recipient}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        "--- Below this line is a copy of the message.\n\nSubject: [P1] #5.9.9\n"
    )
    return mail.as_bytes()


def holiday(to: str) -> bytes:
    mail = EmailMessage()
    mail["From"] = "Ann <ann@example.org>"
    mail["To"] = to
    mail["Subject"] = "Out of office"
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("I am away until Monday. Action: failed Status: 5.1.1")
    return mail.as_bytes()
