# One image for web, worker, beat and migrations; docker-compose.yml says which it is.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements/base.txt requirements/production.txt requirements/semantic.txt /requirements/
RUN /venv/bin/pip install -r /requirements/base.txt -r /requirements/production.txt \
    -r /requirements/semantic.txt

FROM python:3.13-slim
# The folders exist in the image with this owner, so that fresh volumes start with it too.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent producthub \
    && install -d -o producthub -g producthub /var/lib/producthub /var/lib/producthub/media \
       /var/lib/producthub/search
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HUB_DIR=/var/lib/producthub \
    STATIC_ROOT=/app/staticfiles \
    HOST=0.0.0.0 \
    PORT=8000
# Collecting files reads the settings but reaches no server; nothing of this stays in the image.
RUN python -m compileall -q . \
    && HUB_EMBEDDED=1 DATABASE_URL=postgres://build@localhost/build REDIS_URL=redis://localhost/0 \
       python manage.py collectstatic --noinput
USER producthub
EXPOSE 8000
CMD ["gunicorn", "-c", "producthub/gunicorn.py", "producthub.wsgi"]
