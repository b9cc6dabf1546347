"""In front of allauth's addresses: what the hub answers itself."""

from django.urls import path, re_path

from accounts import entrance

urlpatterns = [
    path("login/", entrance.sign_in, name="account_login"),
    path("oidc/<str:provider_id>/login/", entrance.single_sign_on, name="openid_connect_login"),
    path(
        "oidc/<str:provider_id>/login/callback/",
        entrance.single_sign_on_callback,
        name="openid_connect_callback",
    ),
    path("email/", entrance.to_account, name="account_email"),
    path("signup/", entrance.to_account, name="account_signup"),
    path("3rdparty/", entrance.to_account, name="socialaccount_connections"),
    path("3rdparty/signup/", entrance.to_account, name="socialaccount_signup"),
    path("login/code/confirm/", entrance.to_account, name="account_confirm_login_code"),
    path("confirm-email/", entrance.to_account, name="account_email_verification_sent"),
    re_path(
        r"^confirm-email/(?P<key>[-:\w]+)/$", entrance.to_account, name="account_confirm_email"
    ),
    re_path(r"^social/", entrance.to_account),
]
