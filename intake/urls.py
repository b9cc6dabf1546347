from django.urls import path, re_path

from intake.views import (
    bulk,
    drafting,
    files,
    form_stats,
    imports,
    merging,
    mine,
    new,
    promises,
    request,
    scoring,
    sessions,
    triage,
)

app_name = "intake"
urlpatterns = [
    # --- asking: forms, drafts, files, open forms, my requests
    path("requests/new/", new.request_new, name="request-new"),
    path("requests/suggest/people/", new.suggest_people, name="suggest-people"),
    path("requests/suggest/customers/", new.suggest_customers, name="suggest-customers"),
    path("requests/similar/", drafting.request_similar, name="request-similar"),
    path("requests/drafts/save/", drafting.draft_save, name="draft-save"),
    path("requests/drafts/join/", drafting.draft_join, name="draft-join"),
    path("requests/drafts/dismiss/", drafting.draft_dismiss, name="draft-dismiss"),
    path("requests/drafts/<uuid:key>/open/<int:number>/", drafting.draft_open, name="draft-open"),
    path("requests/drafts/<uuid:key>/back/", drafting.draft_back, name="draft-back"),
    path("requests/drafts/<uuid:key>/discard/", drafting.draft_discard, name="draft-discard"),
    path("requests/drafts/files/<slug:field>/", drafting.draft_files, name="draft-files"),
    path("files/<uuid:key>/", files.file, name="file"),
    path("files/<uuid:key>/remove/", files.file_remove, name="file-remove"),
    path("requests/drafts/accept/", drafting.draft_accept, name="draft-accept"),
    path("requests/drafts/<uuid:key>/answered/", drafting.draft_answered, name="draft-answered"),
    path("requests/forms/", form_stats.forms, name="forms"),
    path("requests/mine/", mine.request_mine, name="request-mine"),
    # --- end of asking
    re_path(r"^requests/(?:REQ|req|Req)-(?P<number>\d{1,9})/?$", request.request_by_reference),
    path("requests/<int:number>/", request.request_detail, name="request"),
    path("requests/<int:number>/forms/<slug:name>/", triage.request_form, name="request-form"),
    path("requests/<int:number>/triage/", triage.request_triage, name="request-triage"),
    path("requests/<int:number>/take/", triage.request_take, name="request-take"),
    path("requests/<int:number>/ask/", triage.request_ask, name="request-ask"),
    path("requests/<int:number>/answer/", request.request_answer, name="request-answer"),
    path("requests/<int:number>/comment/", request.request_comment, name="request-comment"),
    path("requests/<int:number>/decide/", request.request_decide, name="request-decide"),
    path("requests/<int:number>/ship/", request.request_ship, name="request-ship"),
    # the request's own page
    path("requests/<int:number>/vote/", request.request_vote, name="request-vote"),
    path("requests/<int:number>/vote-for/", request.request_vote_for, name="request-vote-for"),
    path("requests/<int:number>/follow/", request.request_follow, name="request-follow"),
    path("requests/<int:number>/edit/", request.request_edit, name="request-edit"),
    path("requests/<int:number>/before/", request.request_revisions, name="request-revisions"),
    path("requests/<int:number>/unmerge/", request.request_unmerge, name="request-unmerge"),
    # promises and silence
    path("promises/", promises.promises, name="promises"),
    path("triage/quiet/", promises.quiet, name="quiet"),
    # files
    path("requests/import/", imports.import_new, name="import-new"),
    path("requests/import/<int:pk>/", imports.import_detail, name="import"),
    path("requests/import/<int:pk>/act/", imports.import_act, name="import-act"),
    path("requests/import/<int:pk>/report.csv", imports.import_report, name="import-report"),
    # --- scoring ---
    path("prioritise/", sessions.session_list, name="sessions"),
    path("prioritise/new/", sessions.session_new, name="session-new"),
    path("prioritise/<int:number>/", sessions.session_detail, name="session"),
    path("prioritise/<int:number>/move/", sessions.session_move, name="session-move"),
    path("prioritise/<int:number>/score/<int:item>/", sessions.session_score, name="session-score"),
    path("prioritise/<int:number>/talk/<int:item>/", sessions.session_talk, name="session-talk"),
    path(
        "prioritise/<int:number>/settle/<int:item>/", sessions.session_settle, name="session-settle"
    ),
    path(
        "prioritise/<int:number>/decide/<int:item>/", sessions.session_decide, name="session-decide"
    ),
    path("prioritise/<int:number>/notes/", sessions.session_notes, name="session-notes"),
    path("prioritise/<int:number>/agenda/", sessions.session_agenda, name="session-agenda"),
    path("prioritise/<int:number>/people/", sessions.session_people, name="session-people"),
    path("prioritise/<int:number>/change/", sessions.session_change, name="session-change"),
    path("prioritise/<int:number>/progress/", sessions.session_progress, name="session-progress"),
    path("prioritise/<int:number>/summary/", sessions.session_summary, name="session-summary"),
    path("prioritise/<int:number>/scores.csv", sessions.session_csv, name="session-csv"),
    path("scoring/", scoring.model_list, name="scoring-models"),
    path("scoring/new/", scoring.model_new, name="scoring-model-new"),
    path("scoring/<slug:slug>/", scoring.model_detail, name="scoring-model"),
    path("scoring/<slug:slug>/edit/", scoring.model_edit, name="scoring-model-edit"),
    path("requests/<int:number>/score/", scoring.request_score, name="request-score"),
    # --- the queue, merging
    path("triage/", triage.triage, name="triage"),
    path("triage/pulse/", triage.pulse, name="triage-pulse"),
    path("triage/bulk/", bulk.bulk, name="triage-bulk"),
    path("triage/undo/", triage.undo, name="undo"),
    path("triage/views/", triage.saved_views, name="saved-views"),
    path("triage/views/<int:pk>/", triage.saved_view_change, name="saved-view-change"),
    path("requests/<int:number>/snooze/", triage.request_snooze, name="request-snooze"),
    path("requests/<int:number>/wake/", triage.request_wake, name="request-wake"),
    path("requests/<int:number>/label/", triage.request_label, name="request-label"),
    path("requests/<int:number>/merge/", merging.request_merge, name="request-merge"),
    path(
        "requests/<int:number>/candidates/", merging.request_candidates, name="request-candidates"
    ),
    path("requests/<int:number>/compare/", merging.request_compare, name="request-compare"),
    path("requests/<int:number>/not-same/", merging.request_not_same, name="request-not-same"),
    path("requests/<int:number>/part/", merging.request_part, name="request-part"),
    # --- end of the queue
]
