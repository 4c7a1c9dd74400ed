"""Obeys the commands in a note, each once: an emoji at once, what is asked, a reply, and an emoji for how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot import log, words
from bot.called_wrong import call_wrong
from bot.command import Check, Command, Explain, Fix, Help, Undo, Unknown, Waive, Wrong, parse
from bot.errors import Gone, Refused
from bot.job import Answer, ReviewMR
from bot.landing import Answered, Desk
from bot.mend import mend, undo
from bot.mr import MergeRequest, Thread
from bot.review import Reviewed
from bot.waive import waive
from bot.world import World
from checks.standard import Rule, Standard
from checks.standards import all_rules, all_standards

logger = log.get(__name__)

Review = Callable[[ReviewMR], Reviewed]
MOST, WITHIN = 60, 3600.0
"""So many commands of one person are obeyed in so many seconds."""
_SEEN, _DONE, _FAILED = "eyes", "white_check_mark", "x"


def obey(job: Answer, world: World, review: Review) -> None:
    """Obeys every command of a note that was not answered yet."""
    commands = parse(job.text)
    if not commands:
        return
    if world.mode_of(world.gitlab.project(job.project_id)) != "active":
        logger.info("would obey", note=job.note_id, commands=[str(command) for command in commands])
        return
    mr = world.gitlab.merge_request(job.project_id, job.iid)
    threads = world.gitlab.threads(mr)
    answered = _answered(world, threads, job.note_id)
    left = [(part, command) for part, command in enumerate(commands) if str(part) not in answered]
    admitted = {part: world.store.admit((job.note_id, part), *_terms(job, world)) for part, _ in left}
    left = [(part, command) for part, command in left if admitted[part] is not None]
    if left:
        _obey(_Note(job, world, mr, threads, answered, review), left, {p for p, well in admitted.items() if well})
    if any(isinstance(command, Wrong) for command in commands):
        review(ReviewMR(job.project_id, job.iid, None))  # behind the reply, which would open its thread again


def _terms(job: Answer, world: World) -> tuple[int, float, int, float]:
    return job.author_id, world.clock().timestamp(), MOST, WITHIN


@dataclass(frozen=True, slots=True)
class _Note:
    """A note with commands, and what stood on the merge request when it was read."""

    job: Answer
    world: World
    mr: MergeRequest
    threads: Sequence[Thread]
    answered: set[str]
    review: Review

    def say(self, part: str, text: str) -> None:
        """Answers, once for each part."""
        if part not in self.answered:
            self.answered.add(part)
            _reply(
                self.world, self.mr, self.threads, self.job, words.marked(text, words.ReplyMark(self.job.note_id, part))
            )

    def desk(self, part: int) -> Desk:
        """Where a command is dealt with; what is said before its commit is a part of its own."""
        return Desk(self.world, self.job, str(part), lambda text: self.say(f"{part}-before", text))


def _obey(note: _Note, left: Sequence[tuple[int, Command]], admitted: set[int]) -> None:
    _award(note.world, note.mr, note.job, _SEEN)
    went_well = True
    for part, command in left:
        try:
            well, text = _obeyed(note, part, command) if part in admitted else _too_many(note)
        except Refused as refused:
            well, text = False, words.refused(str(refused))
        went_well &= well
        if part == left[-1][0]:  # before the last reply: once that stands, the note counts as answered
            _award(note.world, note.mr, note.job, _DONE if went_well else _FAILED)
        note.say(str(part), text)


def _too_many(note: _Note) -> Answered:
    return False, words.too_many_commands(note.job.author_name, MOST)


def _answered(world: World, threads: Sequence[Thread], note_id: int) -> set[str]:
    """The parts of a note that have their answer already."""
    marks = (words.mark_of(n.body) for t in threads for n in t.notes if n.author_id == world.me.id)
    return {mark.part for mark in marks if isinstance(mark, words.ReplyMark) and mark.note == note_id}


def _award(world: World, mr: MergeRequest, job: Answer, emoji: str) -> None:
    try:
        world.gitlab.award(mr, job.note_id, emoji)
    except Refused:
        return  # the comment is gone, or locked: the answer counts, not the emoji


def _reply(world: World, mr: MergeRequest, threads: Sequence[Thread], job: Answer, body: str) -> None:
    """In the thread where it was asked. A plain comment gets a plain one: a reply would make a thread that blocks."""
    thread = next((t for t in threads if t.id == job.discussion_id), None)
    if thread is not None and not thread.plain:
        try:
            world.gitlab.reply(mr, thread.id, body)
            return
        except Gone:
            pass
    world.gitlab.comment(mr, body)


def _obeyed(note: _Note, part: int, command: Command) -> Answered:
    """Whether it went well, and what to say."""
    job = note.job
    match command:
        case Help():
            return True, words.HELP
        case Unknown(text, nearest):
            return False, words.unknown_command(text, nearest)
        case Explain(id):
            return _explained(id)
        case Check():
            return True, _checked(note.review(ReviewMR(job.project_id, job.iid, None, asked=True)))
        case Fix():
            return mend(note.desk(part), note.threads, command)
        case Undo():
            return undo(note.desk(part))
        case Waive():
            return waive(note.desk(part), command)
        case Wrong():
            return call_wrong(note.desk(part), note.threads, command)


def _explained(id: str) -> tuple[bool, str]:
    standard = next((s for s in all_standards() if str(s.number) == id.partition(".")[0]), None)
    rule = next((r for r in all_rules() if r.id == id), None)
    if standard is None or ("." in id and rule is None):
        return False, words.unknown_id(id, [r.id for r in all_rules()])
    return True, explanation(standard, rule)


def explanation(standard: Standard, rule: Rule | None) -> str:
    """A standard as Markdown, or one rule of it."""
    rules = [rule] if rule else list(standard.rules.values())
    return words.explained(standard.number, standard.title, standard.text, [(r.id, r.text, r.level) for r in rules])


def _checked(reviewed: Reviewed) -> str:
    if reviewed.inspection is None or not reviewed.inspection.report.projects:
        return words.said_nothing(reviewed.why)
    report = reviewed.inspection.report
    skipped = [
        (j.rule.id, j.outcome.reason or "") for p in report.projects for j in p.rules if j.outcome.result == "skip"
    ]
    counts = {result: sum(p.count(result) for p in report.projects) for result in ("pass", "fail", "skip", "error")}
    changes = reviewed.inspection.changes
    return words.checked(
        reviewed.mr.head,
        [p.place.name for p in report.projects],
        counts,
        len(changes.new),
        [(f.rule, f.path, f.message) for f in changes.standing if report.level(f) != "shadow"],
        skipped,
    )
