"""What people say on a request, and the files they add."""

import uuid

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.utils import timezone

from intake.models.requests import Request


class Comment(models.Model):
    """Something said on a request; internal ones are for product managers alone."""

    class Kind(models.TextChoices):
        COMMENT = "comment", "Comment"
        QUESTION = "question", "Question to the requester"
        ANSWER = "answer", "Answer"
        APPEAL = "appeal", "Asks to look again"

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="comments"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.COMMENT)
    body = models.TextField(max_length=5000)
    created_at = models.DateTimeField(default=timezone.now)
    key = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="One a form: posted twice it is one comment."
    )

    is_internal = models.BooleanField(
        default=False, help_text="Read by product managers alone, whatever the requester sees."
    )

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            # the conversation of one request
            models.Index(fields=["request", "created_at"], name="comment_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.author} on {self.request_id}"


class Revision(models.Model):
    """What a request said before someone mended its words."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="revisions")
    title = models.CharField(max_length=120)
    problem = models.TextField(max_length=10_000)
    replaced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty where another system did, by a rule.",
    )
    source = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="Where new words came from."
    )
    replaced_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-replaced_at", "-id"]

    def __str__(self) -> str:
        return f"{self.request_id} before {self.replaced_at}"


def private_files() -> Storage:
    """Where files lie: outside the web root, served by a view that checks who may see them."""
    return storages["private"]


def file_path(attachment: "Attachment", name: str) -> str:
    """A place that tells nothing and cannot be guessed; the real name is in the row."""
    key = attachment.key.hex
    return f"attachments/{key[:2]}/{key}"


class Attachment(models.Model):
    """A file of a request, a draft or a comment. Its type is what its content says."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    request = models.ForeignKey(
        Request, null=True, blank=True, on_delete=models.CASCADE, related_name="attachments"
    )
    draft = models.ForeignKey(
        "intake.Draft", null=True, blank=True, on_delete=models.SET_NULL, related_name="files"
    )
    comment = models.ForeignKey(
        Comment, null=True, blank=True, on_delete=models.CASCADE, related_name="files"
    )
    field_key = models.CharField(max_length=40, blank=True, help_text="The question it answers.")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    file = models.FileField(upload_to=file_path, storage=private_files, max_length=200)
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField(null=True, blank=True, help_text="Pixels, of images.")
    height = models.PositiveIntegerField(null=True, blank=True)
    is_internal = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            # files that were put on a form that nobody sent
            models.Index(
                fields=["created_at"],
                name="attachment_loose",
                condition=models.Q(request__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_image(self) -> bool:
        """Shown in the page."""
        return self.content_type in ("image/png", "image/jpeg", "image/gif", "image/webp")
